"""A real authorization server (Authlib) on a free port of the loopback interface, for tests.

It rotates refresh tokens and wants PKCE. `/api` is an API behind it; `/control/...` is the test's
own way to look in. It ends when its standard input does.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.oauth2 import OAuth2Error  # noqa: E402
from authlib.oauth2.rfc6749 import (  # noqa: E402
    AuthorizationCodeMixin,
    AuthorizationServer,
    ClientMixin,
    OAuth2Request,
    grants,
)
from authlib.oauth2.rfc6749.errors import InvalidRequestError  # noqa: E402
from authlib.oauth2.rfc6750 import BearerTokenGenerator  # noqa: E402
from authlib.oauth2.rfc7636 import CodeChallenge  # noqa: E402
from authlib.common.security import generate_token  # noqa: E402

LIFETIME_S = 3600


class Client(ClientMixin):
    client_id = "fake-client"
    secret = "fake-client-secret"

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return " ".join(one for one in (scope or "").split() if one in ("read", "write"))

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri.endswith("/oauth/callback")

    def check_client_secret(self, client_secret):
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_post"

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type in ("authorization_code", "refresh_token", "client_credentials")


class Code(AuthorizationCodeMixin):
    def __init__(self, code, request):
        self.code = code
        self.redirect_uri = request.redirect_uri
        self.scope = request.scope
        self.code_challenge = request.data.get("code_challenge")
        self.code_challenge_method = request.data.get("code_challenge_method")

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope


class Token:
    def __init__(self, client, token):
        self.client = client
        self.access = token["access_token"]
        self.refresh = token.get("refresh_token")
        self.scope = token.get("scope", "")
        self.is_over = False
        self.is_revoked = False

    def check_client(self, client):
        return self.client.client_id == client.client_id

    def get_scope(self):
        return self.scope

    def get_expires_in(self):
        return LIFETIME_S


CLIENT = Client()
CODES = {}
TOKENS = []
GRANTED = []
LOCK = threading.Lock()


class Server(AuthorizationServer):
    def query_client(self, client_id):
        return CLIENT if client_id == CLIENT.client_id else None

    def save_token(self, token, request):
        TOKENS.append(Token(request.client, token))
        GRANTED.append(request.grant_type)

    def send_signal(self, name, *args, **kwargs):
        pass

    def create_oauth2_request(self, request):
        return request

    def handle_response(self, status, body, headers):
        return status, body, headers


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]

    def validate_authorization_request(self):
        if not self.request.data.get("code_challenge"):
            raise InvalidRequestError("PKCE is wanted")
        return super().validate_authorization_request()

    def save_authorization_code(self, code, request):
        CODES[code] = Code(code, request)

    def query_authorization_code(self, code, client):
        return CODES.get(code)

    def delete_authorization_code(self, authorization_code):
        CODES.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code):
        return "operator"


class RefreshGrant(grants.RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]

    def authenticate_refresh_token(self, refresh_token):
        for token in TOKENS:
            if token.refresh == refresh_token and not token.is_revoked:
                return token
        return None

    def authenticate_user(self, credential):
        return "operator"

    def revoke_old_credential(self, credential):
        credential.is_revoked = True
        credential.is_over = True


class ClientGrant(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]


SERVER = Server()
SERVER.register_grant(CodeGrant, [CodeChallenge(required=True)])
SERVER.register_grant(RefreshGrant)
SERVER.register_grant(ClientGrant)
SERVER.register_token_generator(
    "default",
    BearerTokenGenerator(
        lambda **_: generate_token(42),
        lambda **_: generate_token(48),
        lambda client, grant_type: LIFETIME_S,
    ),
)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        if isinstance(body, (dict, list)):
            body, headers = json.dumps(body), [*headers, ("content-type", "application/json")]
        data = (body or "").encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def request_of(self, body):
        uri = f"http://{self.headers['host']}{self.path}"
        return OAuth2Request(self.command, uri, body, dict(self.headers.items()))

    def do_GET(self):
        path = urlsplit(self.path).path
        with LOCK:
            if path == "/authorize":
                request = self.request_of(None)
                try:
                    SERVER.get_consent_grant(request)
                except OAuth2Error as error:
                    return self.answer(400, dict(error.get_body()))
                return self.answer(*SERVER.create_authorization_response(request, "operator"))
            return self.look(path)

    def look(self, path):
        if path == "/control/granted":
            return self.answer(200, GRANTED)
        if path == "/control/expire":
            for token in TOKENS:
                token.is_over = True
            return self.answer(200, {})
        if path == "/control/revoke":
            for token in TOKENS:
                token.is_over = token.is_revoked = True
            return self.answer(200, {})
        given = self.headers.get("authorization", "")
        good = any(given == f"Bearer {token.access}" and not token.is_over for token in TOKENS)
        return self.answer(200 if good else 401, given)

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        body = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
        with LOCK:
            if urlsplit(self.path).path == "/token":
                return self.answer(*SERVER.create_token_response(self.request_of(body)))
            return self.look(urlsplit(self.path).path)


def main():
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    print(httpd.server_port, flush=True)
    sys.stdin.read()


main()
