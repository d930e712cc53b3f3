"""A legacy client, as it was written years ago: it knows an address, or its environment names a proxy, and no token."""

import sys

import requests

answer = requests.get(sys.argv[1] + "/orders/1", timeout=60)
posted = requests.post(sys.argv[1] + "/orders", data=b"one line", timeout=60)
print(answer.status_code, posted.status_code)
