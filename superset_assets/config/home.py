"""Where a viewer lands after the login: a dashboard, or plain words why there is none."""

from __future__ import annotations

from flask import Flask, Response, redirect, request
from flask_login import current_user
from superset.extensions import db
from werkzeug.wrappers import Response as AnyResponse

from superset_assets.config.pages import page
from superset_assets.config.release_pointer import NoReleaseError, current_release

WELCOME = "/superset/welcome/"
DASHBOARDS = "/superset/dashboard/"


def open_dashboard(app: Flask) -> None:
    """Send the welcome page on to the user's own dashboard (`home` of the role in access.yaml).

    Superset knows such a dashboard a user, but its front end shows the list of objects all the
    same, because the address stays that of the welcome page. Before the first release the
    dashboards' spinners would turn for ever: say so instead.
    """

    @app.before_request
    def to_dashboard() -> AnyResponse | None:
        if not request.path.startswith((WELCOME, DASHBOARDS)):
            return None
        if not current_user.is_authenticated:
            return None
        try:
            current_release()
        except NoReleaseError as error:
            words = f"{error}</p><p>本页每 30 秒自动刷新一次。"
            return Response(page("还没有发布数据", words, refresh=True), status=503)
        if request.path != WELCOME:
            return None
        from superset.models.user_attributes import UserAttribute

        own = (
            db.session.query(UserAttribute.welcome_dashboard_id)
            .filter_by(user_id=current_user.get_id())
            .scalar()
        )
        return redirect(f"{DASHBOARDS}{own}/") if own else None
