"""What goes back to the caller: answers, and the refusals that end a call early."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

Delivery = Literal["whole", "cut", "none"]
"""How much of an answer reaches the caller: all of it, its first half, or nothing but a closed connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = "whole"


class RefusedError(Exception):
    """A call is refused; carries the answer that says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def json_answer(status: int, document: object, *headers: tuple[str, str]) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(status, json.dumps(document).encode(), headers=headers)


def error_answer(
    status: int, code: str, message: str, details: str = "", headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """Return an answer in the service's form for errors."""
    error = {
        "error": HTTPStatus(status).phrase,
        "error_code": code,
        "message": message,
        "details": details,
    }
    return json_answer(status, {"errors": [error]}, *headers)


def html_answer(status: int, text: str) -> Answer:
    """Return a page such as a proxy in front of the service makes."""
    page = (
        f"<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n"
        f"<center><h1>{text}</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, page.encode(), "text/html; charset=utf-8")


def refuse(
    status: int, code: str, message: str, details: str = "", headers: tuple[tuple[str, str], ...] = ()
) -> RefusedError:
    """Return the refusal to raise for a call that is wrong as a whole."""
    return RefusedError(error_answer(status, code, message, details, headers))
