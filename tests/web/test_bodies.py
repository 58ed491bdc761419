"""What a request brings is read before it is answered."""

from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v1/campaigns/wait-in-freedom", "/desk/alerts/1", "/livez"]
)
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_a_body_that_no_view_wants_is_read(
    demo: Flask, client: FlaskClient, path: str, method: str
) -> None:
    """Where it was not, the server broke the connection under the client's next request, some in a thousand."""
    body = BytesIO(b"x" * 5000)
    answer = client.open(path, method=method, input_stream=body, content_length=5000)
    assert answer.status_code >= 400
    assert body.tell() == 5000


def test_a_large_one_is_not_waited_for(demo: Flask, client: FlaskClient) -> None:
    body = BytesIO(b"x" * 1_000_000)
    answer = client.put("/nothing", input_stream=body, content_length=1_000_000)
    assert answer.status_code == 404
    assert body.tell() == 0
