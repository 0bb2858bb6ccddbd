# ruff: noqa: E501, RUF012  # a line a shape, and none is changed
"""Reports on rows in the shapes of public bulk APIs: what is sent, and what must come of it.

They are about six users, ``u0`` to ``u5``; of company ``c1`` are 0, 1 and 4, of ``c2`` 2 and 3. All have an ``email`` and an
``age``, those with an even number a ``plan``, and only ``u5`` a ``phone``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

COMPANIES = ["c1", "c1", "c2", "c2", "c1", None]
RECORDS: list[dict[str, Any]] = [
    {
        "user_id": f"u{n}",
        **({"company_id": COMPANIES[n]} if COMPANIES[n] else {}),
        "metadata": {
            "email": f"{n}@x.example",
            "age": 20 + n,
            **({"plan": f"p{n}"} if n % 2 == 0 else {}),
            **({"phone": "55"} if n == 5 else {}),
        },
    }
    for n in range(6)
]
ANY = "whatever it is"


class Shape(NamedTuple):
    """A report, and the errors it means: (line or None, property, code, message) each."""

    name: str
    errors: Any
    means: tuple[tuple[int | None, str | None, str | None, str], ...]
    beside: dict[str, Any] = {}
    """What stands beside ``errors`` in the job."""
    more: int = 0
    """Rows that it speaks of beside those."""


def at(line: int | None, property: str | None = None, code: str | None = None, message: str = "bad") -> Any:  # noqa: A002
    return line, property, code, message


E = "email"
SHAPES = [
    # one object an error
    Shape("index", [{"index": 3, "field": E, "code": "e1", "message": "bad"}], (at(3, E, "e1"),)),
    Shape("line", [{"line": 4, "property": E, "error": "bad"}], (at(3, E),)),
    Shape("row with a 0", [{"row": 0, "message": "bad"}, {"row": 3, "message": "bad"}], (at(0), at(3))),
    Shape("rowNumber", [{"rowNumber": 4, "errorCode": "e1", "errorMessage": "bad"}], (at(3, None, "e1"),)),
    Shape("row-number", [{"row-number": "4", "msg": "bad"}], (at(3),)),
    Shape("ROW_NUMBER", [{"ROW_NUMBER": 4, "ERROR_CODE": "e1", "REASON": "bad"}], (at(3, None, "e1"),)),
    Shape("lineNumber", [{"lineNumber": 4, "reason": "bad thing"}], (at(3, None, None, "bad thing"),)),
    Shape("record number", [{"record_number": 4, "description": "bad"}], (at(3),)),
    Shape("user_id", [{"user_id": "u3", "message": "bad"}], (at(3),)),
    Shape("userId", [{"userId": "u3", "message": "bad"}], (at(3),)),
    Shape("id of the chunk", [{"id": "u3", "message": "bad"}], (at(3),)),
    Shape("id of the error", [{"id": "err_8f", "row": 4, "message": "bad"}], (at(3),)),
    Shape("user", [{"user": "u3", "message": "bad"}], (at(3),)),
    Shape("rows", [{"message": "bad", "rows": [2, 4]}], (at(1), at(3))),
    Shape("rows as text", [{"message": "bad", "rows": "2-3, 6"}], (at(1), at(2), at(5))),
    Shape("rows of a code", [{"code": "E1", "message": "bad", "row_numbers": [2, 4]}], (at(1, None, "E1"), at(3, None, "E1"))),
    Shape("ids", [{"message": "bad", "user_ids": ["u1", "u3"]}], (at(1), at(3))),
    Shape("ids of HubSpot", [{"status": "error", "category": "VALIDATION_ERROR", "message": "bad", "context": {"ids": ["u1", "u3"], "objectWriteTraceId": ["1"]}}],
          (at(1, None, "VALIDATION_ERROR"), at(3, None, "VALIDATION_ERROR"))),
    Shape("header counted, as the last shows", [{"line": 7, "message": "bad"}, {"line": 4, "message": "bad"}], (at(5), at(2))),
    Shape("a property that many have proves little", [{"row": 4, "property": "plan", "message": "odd"}], (at(None, "plan", None, "odd"),)),
    Shape("id shows the base of line", [{"line": 3, "user_id": "u3", "message": "bad"}, {"line": 1, "message": "bad"}], (at(3), at(1))),
    Shape("id shows the base of index", [{"index": 4, "user_id": "u3", "message": "bad"}, {"index": 2, "message": "bad"}], (at(3), at(1))),
    Shape("property shows the base of row", [{"row": 5, "property": "phone", "message": "bad"}, {"row": 1, "message": "bad"}], (at(5, "phone"), at(1))),
    Shape("property that is missing", [{"row": 4, "property": "plan", "message": "is required"}], (at(3, "plan", None, "is required"),)),
    Shape("value shows the base", [{"line": 3, "field": E, "value": "3@x.example", "message": "bad"}, {"line": 1, "message": "bad"}], (at(3, E), at(1))),
    Shape("contradictory", [{"row": 0, "message": "bad"}, {"row": 6, "message": "bad"}], (at(None), at(None))),
    Shape("unknown id", [{"user_id": "zoe", "message": "bad"}], (at(None),)),
    Shape("thousands", [{"row": "1,204", "message": "bad"}], (at(None),)),
    Shape("value alone", [{"field": E, "value": "3@x.example", "message": "bad"}], (at(3, E),)),
    Shape("value of many", [{"field": "age", "value": "nobody", "message": "bad"}], (at(None, "age"),)),
    # keyed
    Shape("keyed by row", {"4": "bad", "2": ["bad"]}, (at(3), at(1))),
    Shape("keyed by row, with a 0", {"0": "bad", "3": "bad"}, (at(0), at(3))),
    Shape("keyed by id", {"u3": "bad"}, (at(3),)),
    Shape("keyed by id, by property", {"u3": {E: ["bad"], "age": "old"}}, (at(3, E), at(3, "age", None, "old"))),
    Shape("keyed by words for rows", {"row_4": ["bad"], "Row 2": "bad"}, (at(3), at(1))),
    Shape("keyed by line N", {"line 4": {"message": "bad", "field": E}}, (at(3, E),)),
    Shape("keyed by path", {"users.3.email": ["bad"]}, (at(3, E),)),
    Shape("keyed by bracketed path", {"users[3].email": ["bad"]}, (at(3, E),)),
    Shape("keyed by pointer", {"/3/email": "bad"}, (at(3, E),)),
    Shape("keyed by property", {E: ["bad"]}, (at(None, E),)),
    Shape("keyed by property, texts with rows", {E: ["Row 4: bad"]}, (at(3, E, None, "Row 4: bad"),)),
    Shape("keyed by company", {"c2": "bad"}, (at(2), at(3))),
    Shape("keyed and empty", {"2": [], "4": ["bad"], "u1": False, "5": None}, (at(3),)),
    Shape("beside a message", {"message": "Validation failed", "u3": ["bad"]}, (at(3),)),
    Shape("an object with a header", {"message": "Validation failed", "errors": {"u3": {E: ["bad"]}}}, (at(3, E),)),
    # paths
    Shape("Shopify", [{"field": ["input", "3", E], "message": "bad", "code": "INVALID"}], (at(3, E, "INVALID"),)),
    Shape("Shopify, all", {"userErrors": [{"field": ["input", "3", E], "message": "bad"}]}, (at(3, E),)),
    Shape("JSON:API", [{"status": "422", "code": "e1", "source": {"pointer": "/data/3/attributes/email"}, "title": "Invalid Attribute", "detail": "bad"}], (at(3, E, "e1"),)),
    Shape("JSON:API, all", {"errors": [{"source": {"pointer": "/data/3/attributes/email"}, "detail": "bad", "code": "x"}]}, (at(3, E, "x"),)),
    Shape("pydantic", [{"type": "value_error", "loc": ["body", 3, E], "msg": "bad", "input": "3@x.example", "ctx": {"reason": "none"}}], (at(3, E, "value_error"),)),
    Shape("FastAPI", {"detail": [{"loc": ["body", "users", 3, E], "msg": "bad", "type": "value_error"}]}, (at(3, E, "value_error"),)),
    Shape("ajv", [{"instancePath": "/3/email", "schemaPath": "#/items/properties/email/format", "keyword": "format", "params": {"format": E}, "message": "bad"}], (at(3, E, "format"),)),
    Shape("old ajv", [{"dataPath": "[3].email", "keyword": "format", "message": "bad"}], (at(3, E, "format"),)),
    Shape("Stripe", {"error": {"code": "parameter_invalid", "param": "users[3][email]", "message": "bad", "type": "invalid_request_error"}}, (at(3, E, "parameter_invalid"),)),
    Shape("Google", {"code": 3, "message": "Bad", "details": [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "users[3].email", "description": "bad"}]}]}, (at(3, E, "3"),)),
    Shape("GraphQL", [{"message": "bad", "locations": [{"line": 2, "column": 3}], "path": ["importUsers", 3, E], "extensions": {"code": "BAD_USER_INPUT"}}], (at(3, E, "BAD_USER_INPUT"),)),
    Shape("GraphQL without a path", [{"message": "bad", "locations": [{"line": 2, "column": 3}]}], (at(None),)),
    Shape("problem+json", {"type": "https://example.com/probs/invalid", "title": "Invalid", "status": 422, "invalid-params": [{"name": "users[3].email", "reason": "bad"}]}, (at(3, E, ANY),)),
    Shape("problem+json, RFC 9457", {"type": "https://example.com/p", "title": "Invalid", "errors": [{"detail": "bad", "pointer": "#/3/email"}]}, (at(3, E),)),
    Shape("Laravel", {"message": "The given data was invalid.", "errors": {"users.3.email": ["bad"]}}, (at(3, E),)),
    Shape("JSONPath", [{"path": "$[3].email", "message": "bad"}, {"path": "$.users[1].metadata.plan", "message": "bad"}], (at(3, E), at(1, "plan"))),
    Shape("path at the head of a text", ["users[3].email: bad"], (at(3, E, None, "users[3].email: bad"),)),
    Shape("pointer at the head of a text", ["/3/email must be a string"], (at(3, E, None, "/3/email must be a string"),)),
    Shape("path of an id", [{"path": "users.u3.email", "message": "bad"}], (at(3, E),)),
    Shape("path within the row", [{"index": 4, "path": "metadata.plan", "message": "bad"}], (at(4, "plan"),)),
    Shape("nested index", [{"path": "/3/tags/0", "message": "bad"}], (at(3, "tags"),)),
    Shape("one text with a count", "2 errors:\nRow 2: bad\nRow 4: odd", (at(None, None, None, "2 errors:"), at(1, None, None, "Row 2: bad"), at(3, None, None, "Row 4: odd")), more=-1),
    Shape("nested names", {"index": 4, "errors": {"metadata": {"plan": ["bad"]}}}, (at(4, "plan"),)),
    Shape("nested names in a list", [{"index": 4, "errors": {"metadata": {"plan": ["bad"]}}}], (at(4, "plan"),)),
    Shape("Ecto", {"3": {"email": ["bad"]}, "0": {"age": ["old"]}}, (at(3, E), at(0, "age", None, "old"))),
    Shape("Ecto by place", [{}, {}, {}, {"email": ["bad"]}, {}, {}], (at(3, E),)),
    Shape("one object, several keys", [{"row": 4, "email": ["bad"], "plan": ["odd"]}], (at(3, "email, plan", None, "email: bad; plan: odd"),)),
    # echoes
    Shape("Auth0", [{"user": {"email": "3@x.example", "user_id": "u3"}, "errors": [{"code": "INVALID_FORMAT", "message": "bad", "path": E}]}], (at(3, E, "INVALID_FORMAT"),)),
    Shape("record", [{"record": {"user_id": "u3", "metadata": {"plan": 1}}, "message": "bad"}], (at(3),)),
    Shape("record by values", [{"record": {"email": "3@x.example", "age": 23}, "error": "bad"}], (at(3),)),
    Shape("record as text", [{"record": '{"user_id": "u3", "metadata": {}}', "error": "bad"}], (at(3),)),
    Shape("record whose own keys are words", [{"data": {"user_id": "u3", "row": 1, "message": "hello", "code": "x"}, "message": "bad"}], (at(3),)),
    Shape("original_record", [{"original_record": {"user_id": "u3"}, "reason": "bad"}], (at(3),)),
    Shape("id in details", [{"message": "bad", "details": {"user_id": "u3", "field": E}}], (at(3, E),)),
    Shape("row in details", [{"message": "bad", "details": {"row": 4, "field": E}}], (at(3, E),)),
    Shape("location", [{"location": {"row": 4, "field": E}, "message": "bad"}], (at(3, E),)),
    Shape("location is the id", [{"location": "u3", "message": "bad"}], (at(3),)),
    Shape("Salesforce CSV", [{"sf__Id": "", "sf__Error": "INVALID_EMAIL:bad", "user_id": "u3", "email": "3@x.example"}], (at(3, None, None, "INVALID_EMAIL:bad"),)),
    Shape("Klaviyo", {"data": [{"type": "import-error", "id": "e-1", "attributes": {"code": "INVALID_EMAIL", "title": "Invalid", "detail": "bad", "source": {"pointer": "/data/attributes/profiles/data/3/attributes/email"}, "original_payload": {"email": "x", "user_id": "u3"}}}]}, (at(3, E, "INVALID_EMAIL"),)),
    # one result a row
    Shape("Salesforce", [{"id": f"00{n}", "success": n != 3, "errors": [{"statusCode": "REQUIRED_FIELD_MISSING", "message": "bad", "fields": ["email"]}] if n == 3 else []} for n in range(6)], (at(3, E, "REQUIRED_FIELD_MISSING"),)),
    Shape("AWS", {"FailedPutCount": 1, "RequestResponses": [{"ErrorCode": "E1", "ErrorMessage": "bad"} if n == 3 else {"RecordId": f"r{n}", "ErrorCode": None} for n in range(6)]}, (at(3, None, "E1"),)),
    Shape("Elasticsearch", {"took": 3, "errors": True, "items": [{"index": {"_id": f"u{n}", "status": 400, "error": {"type": "mapper_parsing_exception", "reason": "bad", "caused_by": {"type": "x", "reason": "deeper"}}} if n == 3 else {"_id": f"u{n}", "status": 201, "result": "created"}} for n in range(6)]}, (at(3, None, "mapper_parsing_exception"),)),
    Shape("Zendesk", [{"index": n, "id": f"9{n}", "status": "Failed", "success": False, "error": "RecordInvalid", "details": "bad"} if n == 3 else {"index": n, "id": f"9{n}", "status": "Updated", "success": True} for n in range(6)], (at(3, None, "RecordInvalid"),)),
    Shape("only the bad results", [{"index": 1, "status": "Updated"}, {"index": 3, "status": "error", "message": "bad"}], (at(3),)),
    Shape("null for the good ones", [None, None, None, "bad", None, None], (at(3),)),
    Shape("SQS", {"Successful": [{"Id": "u1"}], "Failed": [{"Id": "u3", "SenderFault": True, "Code": "E1", "Message": "bad"}]}, (at(3, None, "E1"),)),
    Shape("ok by id", {"u1": "ok", "u3": "bad", "u2": {"status": "Updated"}}, (at(3),)),
    Shape("all good", [{"status": "Updated"}] * 6, ()),
    Shape("no errors", "No errors", ()),
    Shape("no errors, listed", ["No errors."], ()),
    # others
    Shape("BigQuery", [{"index": 3, "errors": [{"reason": "invalid", "location": E, "debugInfo": "", "message": "bad"}]}], (at(3, E, ANY),)),
    Shape("BigQuery, all", {"insertErrors": [{"index": 3, "errors": [{"reason": "stopped", "location": "", "message": "bad"}]}]}, (at(3, None, "stopped"),)),
    Shape("Braze", [{"type": "invalid value", "input_array": "attributes", "index": 3}], (at(3, None, None, "invalid value"),)),
    Shape("Mixpanel", {"code": 400, "error": "some data points in the request failed validation", "num_records_imported": 5, "status": "Bad Request", "failed_records": [{"index": 3, "insert_id": "i3", "field": E, "message": "bad"}]}, (at(3, E, ANY),)),
    Shape("HubSpot, old", {"status": "error", "message": "Errors found", "failureMessages": [{"index": 3, "propertyValidationResult": {"isValid": False, "message": "bad", "error": "INVALID_EMAIL", "name": E}}]}, (at(3, E, "INVALID_EMAIL"),)),
    Shape("Amplitude", {"code": 400, "error": "Bad request", "events_with_invalid_fields": {"phone": [5]}, "events_with_missing_fields": {"plan": [1, 3]}}, (at(5, "phone", ANY, ANY), at(1, "plan", ANY, ANY), at(3, "plan", ANY, ANY))),
    Shape("Iterable", {"successCount": 4, "failCount": 2, "invalidUserIds": ["u1"], "failedUpdates": {"notFoundUserIds": ["u3"], "invalidEmails": []}}, (at(1, None, None, "invalidUserIds"), at(3, None, None, "notFoundUserIds"))),
    Shape("Mailchimp", {"errors": [{"user_id": "u3", "error": "bad", "error_code": "ERROR_GENERIC", "field": "", "field_message": ""}], "error_count": 1, "updated_members": []}, (at(3, None, "ERROR_GENERIC"),)),
    Shape("SendGrid", [{"message": "bad", "field": E, "error_indices": [1, 3]}], (at(1, E), at(3, E))),
    Shape("Customer.io", [{"batch_index": 3, "reason": "invalid", "field": E, "message": "bad"}], (at(3, E, ANY),)),
    Shape("Intercom", {"type": "error.list", "request_id": "r", "errors": [{"code": "parameter_invalid", "message": "u3: bad", "field": E}]}, (at(3, E, "parameter_invalid", "u3: bad"),)),
    Shape("Rails", {"errors": [{"id": "u3", "messages": ["bad", "odd"]}]}, (at(3, None, None, "bad; odd"),)),
    Shape("kinds of errors", {"INVALID_EMAIL": ["u1", "u3"]}, (at(1, None, "INVALID_EMAIL", "INVALID_EMAIL"), at(3, None, "INVALID_EMAIL", "INVALID_EMAIL"))),
    Shape("ids alone", ["u1", "u3"], (at(1, None, None, "u1"), at(3, None, None, "u3"))),
    Shape("a company", [{"company_id": "c2", "message": "bad"}], (at(2), at(3))),
    Shape("a company in a text", ["company_id 'c2' is not known"], (at(2, None, None, ANY), at(3, None, None, ANY))),
    Shape("a company beside a user", [{"user_id": "u1", "company_id": "c2", "message": "bad"}], (at(1),)),
    Shape("a company that nobody has", [{"company_id": "c9", "message": "bad"}], (at(None),)),
    Shape("a company as an object", [{"company": {"id": "c2", "name": "X"}, "message": "bad"}], (at(2), at(3))),
    # texts
    Shape("row in words", ["Row 4: bad"], (at(3, None, None, "Row 4: bad"),)),
    Shape("rows in words", ["Rows 2, 4 and 6: bad"], tuple(at(line, None, None, "Rows 2, 4 and 6: bad") for line in (1, 3, 5))),
    Shape("span of rows", ["lines 2-4 are bad"], tuple(at(line, None, None, "lines 2-4 are bad") for line in (1, 2, 3))),
    Shape("thousands in words", ["Row 1,203: bad"], (at(None, None, None, "Row 1,203: bad"),)),
    Shape("lead", ["Failed to import row 4: bad"], (at(3, None, None, ANY),)),
    Shape("one text", "Row 2: bad\nRow 4: odd", (at(1, None, None, "Row 2: bad"), at(3, None, None, "Row 4: odd"))),
    Shape("one text with a head", "Errors were found\nRow 2: bad\nRow 4: odd", (at(1, None, None, "Errors were found; Row 2: bad"), at(3, None, None, "Row 4: odd"))),
    Shape("a duplicate of another row", ["Row 4: same email as row 2"], (at(3, None, None, ANY),)),
    Shape("taken by another", ["Row 4: email is taken by user 'u1'"], (at(3, None, None, ANY),)),
    Shape("prose", ["the email of the person in row 2 is bad, see line 3"], (at(None, None, None, ANY),)),
    Shape("numbers in prose", ["address line 2 is too long", "list index 3 out of range", "Index 3 out of bounds"], (at(None, None, None, ANY),) * 3),
    Shape("a position in a record", ["line 1 column 5: no comma"], (at(None, None, None, ANY),)),
    Shape("user in words", ["user u3 is blocked"], (at(3, None, None, "user u3 is blocked"),)),
    Shape("id first", ["u3: bad"], (at(3, None, None, "u3: bad"),)),
    Shape("brackets at the end", ["bad (row 4)"], (at(3, None, None, "bad (row 4)"),)),
    Shape("brackets behind a row", ["Row 9 (user_id u3): bad"], (at(3, None, None, ANY),)),
    Shape("and more", ["Row 2: bad", "and 3 more"], (at(1, None, None, ANY), at(None, None, None, "and 3 more")), more=2),
    Shape("a count in words", ["4 rows failed"], (at(None, None, None, ANY),), more=3),
    Shape("a remark", ["something went wrong"], (at(None, None, None, ANY),)),
    Shape("strange", [{"strange": 7}], (at(None, None, None, ANY),)),
    Shape("a text of JSON", '[{"row": 4, "message": "bad"}]', (at(3),)),
    # found by trying
    Shape("HubSpot, some", {"status": "COMPLETE", "results": [{"id": "9"}], "numErrors": 1, "errors": [{"status": "error", "category": "NOT_FOUND", "message": "bad", "context": {"id": ["u3"]}}]}, (at(3, None, "NOT_FOUND"),)),
    Shape("Iterable, with a message", {"msg": "ok", "code": "Success", "params": {"failCount": 2, "invalidUserIds": ["u3"], "failedUpdates": {"notFoundUserIds": ["u5"]}}}, (at(3, None, None, "invalidUserIds"), at(5, None, None, "notFoundUserIds"))),
    Shape("indices of good ones", {"errors": [{"message": "bad", "error_indices": [3]}], "unmodified_indices": [0, 1], "error_count": 1}, (at(3),)),
    Shape("a status by id", {"u3": 400, "u1": 200}, (at(3, None, None, "400"),)),
    Shape("a row in words", [{"row": "row 4", "message": "bad"}], (at(3),)),
    Shape("a path under any key", [{"at": "/3/email", "message": "bad"}], (at(3, E),)),
    Shape("traits", [{"userId": "u3", "traits": {"email": "x"}, "errors": ["bad", "odd"]}], (at(3), at(3, None, None, "odd"))),
    Shape("two rows in one text", ["Row 2 and row 4 are alike"], (at(1, None, None, ANY), at(3, None, None, ANY))),
    Shape("a column behind a row", ["Row 4, column 2: bad", "Row 2, column 'email': bad"], (at(3, None, None, ANY), at(1, None, None, ANY))),
    Shape("several sentences", ["Row 2: bad. Row 4: odd."], (at(1, None, None, "Row 2: bad"), at(3, None, None, "Row 4: odd."))),
    Shape("a company as a value", [{"field": "company_id", "value": "c2", "message": "bad"}], (at(2, "company_id"), at(3, "company_id"))),
    Shape("lines of JSON", '{"line": 4, "error": "bad"}\n{"line": 2, "error": "odd"}', (at(3), at(1, None, None, "odd"))),
    Shape("Spring", {"errors": [{"objectName": "users", "field": "users[3].email", "rejectedValue": "x", "defaultMessage": "bad", "code": "Email"}]}, (at(3, E, "Email"),)),
    Shape("ASP.NET", {"type": "https://x.example", "title": "One or more errors", "status": 400, "traceId": "00-1", "errors": {"$[3].email": ["bad"]}}, (at(3, E, "400"),)),
    Shape("OData", {"error": {"code": "BadRequest", "message": "m", "details": [{"code": "x", "target": "users[3].email", "message": "bad"}]}}, (at(3, E, "x"),)),
    Shape("rows by code", {"INVALID_EMAIL": {"count": 2, "rows": [2, 4], "message": "bad"}}, (at(1, None, "INVALID_EMAIL"), at(3, None, "INVALID_EMAIL"))),
    Shape("by property, then by row", [{"field": E, "errors": [{"index": 3, "message": "bad"}, {"index": 5, "message": "bad"}]}], (at(3, E), at(5, E))),
    Shape("a word that is an id elsewhere", ["u3 was refused", "all were refused"], (at(3, None, None, "u3 was refused"), at(None, None, None, "all were refused"))),
    Shape("failed, of both", {"succeeded": ["u0", "u1"], "failed": ["u3"]}, (at(3, None, None, "u3"),)),
    Shape("where", [{"where": {"row": 4}, "message": "bad"}], (at(3),)),
    Shape("Zod", {"issues": [{"code": "invalid_type", "expected": "string", "received": "number", "path": [3, E], "message": "bad"}], "name": "ZodError"}, (at(3, E, "invalid_type"),)),
    Shape("Joi", {"details": [{"message": "bad", "path": [3, E], "type": "string.email", "context": {"label": "[3].email", "value": "x", "key": E}}]}, (at(3, E, "string.email"),)),
    Shape("MongoDB", {"writeErrors": [{"index": 3, "code": 11000, "errmsg": "bad", "keyValue": {"email": "x"}}], "nInserted": 5}, (at(3, None, "11000"),)),
    Shape("Marketo", {"result": [{"row": 4, "status": "skipped", "reasons": [{"code": "1007", "message": "bad"}]}, {"row": 2, "status": "updated", "id": 5}], "success": True}, (at(3, None, "1007"),)),
    Shape("a request that succeeded", {"status": "COMPLETE", "results": [{"index": 3, "error": "bad"}, {"index": 1, "status": "ok"}]}, (at(3),)),
    Shape("CleverTap", {"status": "partial", "processed": 5, "unprocessed": [{"status": "fail", "code": 512, "error": "bad", "record": {"identity": "u3", "type": "profile"}}]}, (at(3, None, "512"),)),
    Shape("MoEngage", {"status": "fail", "error": {"attribute": E, "message": "bad", "type": "X", "element_index": 3}}, (at(3, E, "X"),)),
    Shape("pairs", [["u3", "bad"], [5, "odd"], ["u1", E, "bad"]], (at(3), at(5, None, None, "odd"), at(1, E))),
    Shape("pydantic, in words", [{"loc": "body -> 3 -> email", "msg": "bad"}], (at(3, E),)),
    Shape("PostHog", {"code": "x", "detail": "bad", "attr": "batch[3].email"}, (at(3, E, "x"),)),
    Shape("Mailchimp, with the good ones", {"new_members": [{"id": "u0"}], "members": [{"id": "u2", "email": "x"}], "errors": [{"user_id": "u3", "error": "bad", "error_code": "E1"}]}, (at(3, None, "E1"),)),
    Shape("SendGrid, indices twice", {"error_count": 2, "error_indices": [1, 3], "errors": [{"message": "bad", "error_indices": [3, 1]}]}, (at(3), at(1))),
    Shape("SendGrid, indices beside fewer errors", {"error_indices": [1, 3], "errors": [{"message": "bad", "index": 3}]}, (at(3), at(1, None, None, "error_indices"))),
    Shape("Salesforce, what was made", [{"id": None if n == 3 else "x", "success": n != 3, "created": False, "errors": [{"message": "bad"}] if n == 3 else []} for n in range(6)], (at(3),)),
    Shape("a column behind a line", ["Line 4, column 5: bad"], (at(3, None, None, ANY),)),
    Shape("an empty text", [""], ()),
    Shape("a success with errors by row", {"success": True, "u3": ["bad"]}, (at(3),)),
    Shape("errors under a word for a path", {"field": [{"user_id": "u3", "message": "bad"}], "u1": ""}, (at(3),)),
    Shape("a company's key with a user's id", {"company_id": "u1", "message": "bad"}, (at(None),)),
    Shape("good by id", {"u2": "ok", "u1": 200}, ()),
    Shape("true or false by id", {f"u{n}": n == 3 for n in range(6)}, (at(None, None, None, ANY),), more=5),
    # beside errors
    Shape("failed_rows", None, (at(None, None, None, "failed_rows: 2"),), {"failed_rows": 2}, 1),
    Shape("error_count", [], (at(None, None, None, "error_count: 2"),), {"error_count": 2}, 1),
    Shape("failed_rows, explained", [{"row": 4, "message": "bad"}], (at(3),), {"failed_rows": 1}),
    Shape("failed_rows, in part", [{"row": 4, "message": "bad"}], (at(3), at(None, None, None, "failed_rows: 3")), {"failed_rows": 3}, 1),
    Shape("summary", None, (at(None, None, None, "failed: 2"),), {"summary": {"failed": 2, "succeeded": 4}}, 1),
    Shape("report", [], (at(None, None, None, "error_report_url: https://x.example/r.csv"),), {"error_report_url": "https://x.example/r.csv"}),
    Shape("failures beside", None, (at(3),), {"failures": [{"row": 4, "message": "bad"}]}),
    Shape("a message", None, (at(None, None, None, "2 rows failed"),), {"message": "2 rows failed"}, 1),
    Shape("has_errors", None, (at(None, None, None, "has_errors: true"),), {"has_errors": True}),
    Shape("has_errors, explained", [{"row": 4, "message": "bad"}], (at(3),), {"has_errors": True}),
    Shape("skipped", None, (at(None, None, None, "skipped: 2"),), {"skipped": 2}, 1),
    Shape("a message with a count", None, (at(None, None, None, "Completed with 2 errors"),), {"message": "Completed with 2 errors"}, 1),
    Shape("a report that counts", None, (at(None, None, None, "https://x.example/r"),), {"error_report": {"url": "https://x.example/r", "rows": 2}}),
    Shape("a count for errors", {"count": 3, "url": "https://x.example/r"}, (at(None, None, None, "https://x.example/r"), at(None, None, None, "count: 3")), more=1),
    Shape("rows of all", {"rows": 6, "errors": [{"row": 4, "message": "bad"}]}, (at(3),)),
    Shape("a good message", None, (), {"message": "Completed without errors", "failed_rows": 0, "error_count": "0"}),
]  # fmt: skip
