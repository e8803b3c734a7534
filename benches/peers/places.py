"""The Places service, as the Python guests ask it: the legacy Nearby Search."""

import asyncio
import http.client
import json
import os
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from urllib.parse import urlencode

AT_ONCE = 64  # the questions that are asked at a time

_HOST = "maps.googleapis.com"
_PATH = "/maps/api/place/nearbysearch/json?"
_SECONDS = 4  # how long the service may take, and how long it may be silent
_MOST_BYTES = 2**20
_threads = ThreadPoolExecutor(AT_ONCE)


async def ask(question):
    """The answer to a question, found while the event loop serves others."""
    return await asyncio.get_running_loop().run_in_executor(_threads, answer_to, question)


def answer_to(question):
    """The answer to a question: the AT line, the service's JSON, and two newlines. Blocks."""
    try:
        places = _search(question)
        places["results"] = places.get("results", [])[: question.bound]
    except Exception as error:  # the service may fail in any way
        message = f"the Places service failed: {type(error).__name__}"
        places = {"error_message": message, "html_attributions": [], "results": [], "status": "UNKNOWN_ERROR"}
    return question.line + json.dumps(places, indent=3).encode() + b"\n\n"


def _search(question):
    deadline = time.monotonic() + _SECONDS
    key = os.environ.get("GOOGLE_API_KEY", "")
    query = urlencode({"location": question.location, "radius": question.radius, "key": key}, safe=",")
    connection = http.client.HTTPSConnection(_HOST, timeout=_SECONDS, context=_tls())
    try:
        connection.request("GET", _PATH + query)
        answer = connection.getresponse()
        body = b""
        while piece := answer.read1(65536):
            body += piece
            if time.monotonic() > deadline or len(body) > _MOST_BYTES:
                raise TimeoutError
    finally:
        connection.close()
    if answer.status != 200:
        raise http.client.HTTPException
    return json.loads(body)


@cache
def _tls():
    """Loads the trusted certificates, once."""
    return ssl.create_default_context()
