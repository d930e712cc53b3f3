"""A Flask application whose handlers at /admin are not for everybody."""

import sys

from flask import Flask
from waitress import serve

app = Flask(__name__)


@app.route("/admin")
@app.route("/admin/")
@app.route("/admin/<path:rest>")
def admin(rest=""):
    return "PROTECTED"


@app.route("/")
@app.route("/<path:rest>")
def public(rest=""):
    return "public"


if __name__ == "__main__":
    serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=4, _quiet=True)
