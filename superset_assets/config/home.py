"""After the login a viewer stands before a dashboard, not before a list of objects."""

from __future__ import annotations

from flask import Flask, redirect, request
from flask_login import current_user
from superset.extensions import db
from werkzeug.wrappers import Response

WELCOME = "/superset/welcome/"


def open_dashboard(app: Flask) -> None:
    """Send the welcome page on to the user's own dashboard (`home` of the role in access.yaml).

    Superset knows such a dashboard a user, but its front end shows the list of objects all the
    same, because the address stays that of the welcome page.
    """

    @app.before_request
    def to_dashboard() -> Response | None:
        if request.path != WELCOME or not current_user.is_authenticated:
            return None
        from superset.models.user_attributes import UserAttribute

        own = (
            db.session.query(UserAttribute.welcome_dashboard_id)
            .filter_by(user_id=current_user.get_id())
            .scalar()
        )
        return redirect(f"/superset/dashboard/{own}/") if own else None
