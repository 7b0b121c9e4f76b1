
# The project that tokenctl serve imitates; what is above is every project's.
ALLOWED_HOSTS = [".localhost", "127.0.0.1", "[::1]"]  # as DEBUG has them
INSTALLED_APPS.append("corsheaders")
if CONFIG["rest_auth"]:
    INSTALLED_APPS.append("dj_rest_auth")
MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
}
# Without this, Django mails tracebacks to nobody, and reads request.user for them:
# which the Vary of an answer shows, and which can fail in turn.
LOGGING = {
    "version": 1,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "loggers": {"django": {"handlers": ["null"], "propagate": False}},
}
# What a login costs is not what is compared; the count is the test's to set.
PASSWORD_HASHERS = ["hashers.Hasher"]
