"""Superset's configuration. Loaded through SUPERSET_CONFIG_PATH; see `superset_assets.runtime`.

Every address in it is our own: a browser that opens these pages asks this server and no other.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from flask import Blueprint, Flask
from flask_appbuilder.const import AUTH_DB
from superset.key_value.types import JsonKeyValueCodec

from superset_assets.config import home, language, metadata, pages, release_pointer, telemetry

HOME = Path(os.environ["YINLING_HOME"])
ROOM = HOME / "superset"

# --- identity -------------------------------------------------------------------------------
APP_NAME = "银龄"
APP_ICON = "/yinling/static/logo.svg"
FAVICONS = [{"href": "/yinling/static/mark.svg"}]
LOGO_TARGET_PATH = "/"
LOGO_TOOLTIP = "返回首页"
BUG_REPORT_URL = None
DOCUMENTATION_URL = None

# --- storage and secrets --------------------------------------------------------------------
SECRET_KEY = os.environ["YINLING_SUPERSET_SECRET_KEY"]
SQLALCHEMY_ENGINE_OPTIONS = metadata.OPTIONS
SQLALCHEMY_DATABASE_URI = f"sqlite:///{ROOM / 'metadata.db'}"
DATA_DIR = str(ROOM)
UPLOAD_FOLDER = str(ROOM / "uploads")
FILTER_STATE_CACHE_CONFIG = {
    "CACHE_TYPE": "FileSystemCache",
    "CACHE_DIR": str(ROOM / "cache" / "filter_state"),
    "CACHE_DEFAULT_TIMEOUT": int(timedelta(days=30).total_seconds()),
    "REFRESH_TIMEOUT_ON_RETRIEVAL": True,
    "CODEC": JsonKeyValueCodec(),
}
EXPLORE_FORM_DATA_CACHE_CONFIG = {
    **FILTER_STATE_CACHE_CONFIG,
    "CACHE_DIR": str(ROOM / "cache" / "explore"),
}
CACHE_CONFIG = {
    "CACHE_TYPE": "FileSystemCache",
    "CACHE_DIR": str(ROOM / "cache" / "metadata"),
    "CACHE_DEFAULT_TIMEOUT": 300,
}
# Query results belong to the release they were read from: see ReleaseCache.
DATA_CACHE_CONFIG = {
    "CACHE_TYPE": "superset_assets.config.release_pointer.ReleaseCache",
    "CACHE_DIR": str(ROOM / "cache" / "data"),
    "CACHE_DEFAULT_TIMEOUT": int(timedelta(days=7).total_seconds()),
    "CACHE_THRESHOLD": 5000,
}
RATELIMIT_STORAGE_URI = "memory://"

# --- language -------------------------------------------------------------------------------
BABEL_DEFAULT_LOCALE = "zh"
BABEL_DEFAULT_TIMEZONE = "Asia/Shanghai"
LANGUAGES = {"zh": {"flag": "cn", "name": "简体中文"}}
D3_FORMAT = {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["¥", ""]}
D3_TIME_FORMAT = language.D3_TIME_FORMAT
CURRENCIES = ["CNY"]

# --- who may come in ------------------------------------------------------------------------
AUTH_TYPE = AUTH_DB
AUTH_USER_REGISTRATION = False
AUTH_ROLE_PUBLIC = "Public"
WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = os.environ.get("YINLING_SUPERSET_HTTPS") == "1"
PERMANENT_SESSION_LIFETIME = timedelta(hours=12)
ENABLE_CORS = False
FAB_API_SWAGGER_UI = False

# Handlebars (cards, banners, the drawn map) compiles its templates in the browser, which needs
# 'unsafe-eval'. Templates come from this repository only: officials cannot write charts.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "font-src": ["'self'", "data:"],
        "object-src": "'none'",
        "frame-ancestors": ["'self'"],
        "form-action": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'", "'unsafe-eval'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": SESSION_COOKIE_SECURE,
    "referrer_policy": "same-origin",
}
HTML_SANITIZATION = True
HTML_SANITIZATION_SCHEMA_EXTENSIONS = {
    "tagNames": ["section", "svg", "g", "path", "pattern", "defs", "rect", "text", "title"],
    "attributes": {
        "*": ["className", "style", "role", "ariaLabel", "title"],
        "svg": ["viewBox", "preserveAspectRatio"],
        "path": ["d", "fill", "stroke", "strokeWidth", "vectorEffect"],
        "rect": ["x", "y", "width", "height", "fill"],
        "text": ["x", "y", "textAnchor", "fontSize"],
        "pattern": ["id", "width", "height", "patternUnits", "patternTransform"],
    },
}
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []

# --- features -------------------------------------------------------------------------------
FEATURE_FLAGS = {
    "DRILL_TO_DETAIL": True,
    "DRILL_BY": False,
    "ALERT_REPORTS": False,
    "THUMBNAILS": False,
    "EMBEDDED_SUPERSET": False,
    "ENABLE_TEMPLATE_PROCESSING": False,
    "DASHBOARD_RBAC": False,
    "SQLLAB_BACKEND_PERSISTENCE": True,
}
ROW_LIMIT = 10_000
SAMPLES_ROW_LIMIT = 500
SQL_MAX_ROW = 100_000
SUPERSET_WEBSERVER_TIMEOUT = 60
SQLLAB_TIMEOUT = 30
MAPBOX_API_KEY = ""
DECKGL_BASE_MAP = [["tile:///yinling/static/blank.png?{z}/{x}/{y}", "空白底图"]]
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "yinling",
        "label": "银龄",
        "description": "互相可分辨、色盲友好，不用红绿对照",
        "isDefault": True,
        "colors": ["#1f5f99", "#e0a030", "#7a6aa8", "#5aa9c7", "#b5651d", "#6b7683", "#9ec5e8",
                   "#c9b458", "#3f4f63", "#b79fce"],
    }
]  # fmt: skip
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "yinling_blue",
        "label": "银龄蓝",
        "description": "没有好坏方向的数值",
        "isDiverging": False,
        "isDefault": True,
        "colors": ["#e8f0f7", "#bcd4e8", "#86b1d4", "#4a87b8", "#1f5f99", "#123f6b"],
    },
    {
        "id": "yinling_health",
        "label": "银龄数据健康",
        "description": "从差到好：琥珀到蓝",
        "isDiverging": True,
        "isDefault": False,
        "colors": ["#b5651d", "#e0a030", "#f3e3c0", "#dbe8f4", "#86b1d4", "#1f5f99"],
    },
]
FONTS = "'Noto Sans SC', 'Noto Sans CJK SC', 'Source Han Sans SC', 'Microsoft YaHei', 'PingFang SC'"
THEME_DEFAULT = {
    "algorithm": "default",
    "token": {
        "brandAppName": APP_NAME,
        "brandLogoAlt": "银龄：智慧养老数据中枢",
        "brandLogoUrl": APP_ICON,
        "brandLogoMargin": "12px 0",
        "brandLogoHref": "/",
        "brandLogoHeight": "30px",
        "colorPrimary": "#1f5f99",
        "colorLink": "#1f5f99",
        "colorError": "#a8501a",
        "colorWarning": "#c98a1b",
        "colorSuccess": "#1f5f99",
        "colorInfo": "#4a87b8",
        "fontUrls": [],
        "fontFamily": f"{FONTS}, sans-serif",
        "fontFamilyCode": "'IBM Plex Mono', monospace",
    },
}
THEME_DARK = None
ENABLE_UI_THEME_ADMINISTRATION = False

BLUEPRINTS = [
    Blueprint(
        "yinling",
        __name__,
        static_folder=str(Path(__file__).parent / "static"),
        static_url_path="/yinling/static",
    )
]
DB_CONNECTION_MUTATOR = release_pointer.to_current_release


def FLASK_APP_MUTATOR(app: Flask) -> None:  # noqa: N802 - Superset's name
    """Chinese also before the login, no request to a statistics host, a dashboard as home."""
    language.serve(app)
    telemetry.silence(app)
    home.open_dashboard(app)
    pages.replace_error_pages(app)
