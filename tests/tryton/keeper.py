"""Serves the database of a folder on a free port of loopback until standard input ends, then removes the folder.

It is what `trytond` does, without a race for the port: the program prints the one it has got.
"""

import os
import pathlib
import shutil
import signal
import sys
import threading

# The test program ends it by closing the pipe, also when somebody presses Ctrl-C.
signal.signal(signal.SIGINT, signal.SIG_IGN)
folder = pathlib.Path(sys.argv[1])
config = folder / "trytond.conf"
config.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n")
os.environ["TRYTOND_CONFIG"] = str(config)
os.environ["TRYTOND_DATABASE_NAMES"] = "crm"

from trytond.application import app  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402


class Quiet(WSGIRequestHandler):
    def log(self, *arguments):
        pass


server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.port, flush=True)
sys.stdin.read()
server.shutdown()
shutil.rmtree(folder, ignore_errors=True)
