from django.conf import settings
from django.urls import path, re_path
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.authtoken.models import Token
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView
from rest_framework_simplejwt import views as jwt
from rest_framework_simplejwt.authentication import JWTAuthentication


def login(view, **how):
    """A view that takes a password: it is limited as such where that has a rate."""
    if "login" in api_settings.DEFAULT_THROTTLE_RATES:
        throttles = [*view.throttle_classes, ScopedRateThrottle]
        attributes = {"__doc__": view.__doc__, "throttle_classes": throttles, "throttle_scope": "login"}
        view = type(view.__name__, (view,), attributes)
    return view.as_view(**how)


class CustomAuthentication(BaseAuthentication):
    def authenticate(self, request):
        key = request.META.get("HTTP_X_CUSTOM_AUTH")
        if not key:
            return None
        try:
            token = Token.objects.select_related("user").get(key=key)
        except Token.DoesNotExist:
            raise AuthenticationFailed("No such user")
        if not token.user.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        return token.user, token


class TestAuth(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response(f"Hello {request.user.get_username()}!")

    def post(self, request):
        return Response(f"Hello {request.user.get_username()}! Posted!")


class TestAuthToken(TestAuth):
    authentication_classes = [TokenAuthentication]


class TestAuthBasic(TestAuth):
    authentication_classes = [BasicAuthentication]


class TestAuthSession(TestAuth):
    authentication_classes = [SessionAuthentication]


class TestAuthJwt(TestAuth):
    authentication_classes = [JWTAuthentication]


class TestAuthCustom(TestAuth):
    authentication_classes = [CustomAuthentication]


class SecureData(APIView):
    authentication_classes = [TokenAuthentication, JWTAuthentication, BasicAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"message": "This is protected data!"})


urlpatterns = [
    path("api-token-auth/", login(ObtainAuthToken)),
    path("api/token/", login(jwt.TokenObtainPairView)),
    path("api/token/refresh/", jwt.token_refresh),
    path("api/token/verify/", jwt.token_verify),
    path("api/token/blacklist/", jwt.token_blacklist),
    path("api/token/sliding/", login(jwt.TokenObtainSlidingView)),
    path("api/token/sliding/refresh/", jwt.token_refresh_sliding),
    path("test_auth/", TestAuth.as_view()),
    path("test_auth/token/", TestAuthToken.as_view()),
    path("test_auth/basic/", TestAuthBasic.as_view()),
    path("test_auth/session/", TestAuthSession.as_view()),
    path("test_auth/jwt/", TestAuthJwt.as_view()),
    path("test_auth/custom/", TestAuthCustom.as_view()),
    path("api/secure-data/", SecureData.as_view()),
]

if "knox" in settings.INSTALLED_APPS:
    from knox import views as knox
    from knox.auth import TokenAuthentication as KnoxAuthentication

    class TestAuthKnox(TestAuth):
        authentication_classes = [KnoxAuthentication]

    urlpatterns += [
        path("test_auth/knox/", TestAuthKnox.as_view()),
        path("knox/login/", login(knox.LoginView, authentication_classes=[BasicAuthentication])),
        path("knox/logout/", knox.LogoutView.as_view()),
        path("knox/logoutall/", knox.LogoutAllView.as_view()),
    ]

if "dj_rest_auth" in settings.INSTALLED_APPS:
    from dj_rest_auth import views as rest_auth

    # dj_rest_auth.urls has these four among others, anchored at the end only.
    urlpatterns += [
        re_path("^rest-auth/login/?$", login(rest_auth.LoginView)),
        re_path("^rest-auth/logout/?$", rest_auth.LogoutView.as_view()),
        re_path("^rest-auth/user/?$", rest_auth.UserDetailsView.as_view()),
        re_path("^rest-auth/password/change/?$", rest_auth.PasswordChangeView.as_view()),
    ]
