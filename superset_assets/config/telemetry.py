"""What Superset's front end reports of itself, and to whom.

It asks a statistics host for a picture on every page; here it asks us instead. The address is
compiled into one script; the content security policy would block it, but a page that never asks is
better than one that is stopped asking.

The login page reports too, before anybody is known. Superset refuses that and notes the refusal in
the session; where this answer comes after the login's, it undoes the login.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from flask import Flask, Response, request, session

PIXEL = b"https://apachesuperset.gateway.scarf.sh/pixel/"
OWN_PIXEL = b"/yinling/static/blank.png?"
LOG = "/superset/log/"


def scripts_without_pixel() -> dict[str, bytes]:
    """Path of every shipped script that names the statistics host → the script without it."""
    folder = Path(str(files("superset") / "static" / "assets"))
    found = {}
    for file in folder.glob("*.js"):
        text = file.read_bytes()
        if PIXEL in text:
            found[f"/static/assets/{file.name}"] = text.replace(PIXEL, OWN_PIXEL)
    return found


def silence(app: Flask) -> None:
    """Serve those scripts from memory; drop reports of people who have not logged in."""
    scripts = scripts_without_pixel()

    @app.before_request
    def own_script() -> Response | None:
        script = scripts.get(request.path)
        if script is None:
            return None
        answer = Response(script, mimetype="text/javascript")
        answer.cache_control.max_age = 86_400
        return answer

    @app.before_request
    def unknown_reporter() -> Response | None:
        # Asking who the current user is would itself write into a stranger's session.
        if request.path != LOG or "_user_id" in session:
            return None
        return Response(status=204)
