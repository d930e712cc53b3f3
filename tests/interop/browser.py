"""A browser without eyes: follows redirects, keeps cookies, fills in the one form it meets."""

import html
import re
from urllib.parse import parse_qs, urljoin, urlparse

import requests


def walk_to(callback, url, answers, hops=20):
    """Walks from `url`, answering its forms in turn, until sent to `callback`; returns the query it was sent with."""
    session, answers = requests.Session(), list(answers)
    page = session.get(url, allow_redirects=False, timeout=60)
    for _ in range(hops):
        if page.is_redirect:
            target = urljoin(page.url, page.headers["Location"])
            if target.startswith(callback):
                return {name: values[0] for name, values in parse_qs(urlparse(target).query).items()}
            page = session.get(target, allow_redirects=False, timeout=60)
        else:
            page.raise_for_status()
            action = re.search(r'<form[^>]*action="([^"]+)"', page.text)[1]
            hidden = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page.text))
            form = {**hidden, **answers.pop(0)}
            page = session.post(urljoin(page.url, html.unescape(action)), form, allow_redirects=False, timeout=60)
    raise AssertionError(f"{hops} hops did not lead to {callback}; the last was {page.url}")
