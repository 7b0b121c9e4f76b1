from django.conf import settings
from django.contrib import admin
from django.urls import path
from rest_framework.authentication import BasicAuthentication, SessionAuthentication, TokenAuthentication
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt import views as jwt
from rest_framework_simplejwt.authentication import JWTAuthentication


class Hello(APIView):
    authentication_classes = [TokenAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response("Hello %s!" % request.user.get_username())

    def post(self, request):
        return Response("Hello %s! Posted!" % request.user.get_username())


def hello(authentication):
    return Hello.as_view(authentication_classes=[authentication])


urlpatterns = [
    path("admin/", admin.site.urls),
    path("api-token-auth/", obtain_auth_token),
    path("api/token/", jwt.token_obtain_pair),
    path("api/token/refresh/", jwt.token_refresh),
    path("api/token/verify/", jwt.token_verify),
    path("api/token/blacklist/", jwt.token_blacklist),
    path("test_auth/", hello(TokenAuthentication)),
    path("test_jwt/", hello(JWTAuthentication)),
    path("test_session/", hello(SessionAuthentication)),
    path("test_basic/", hello(BasicAuthentication)),
]

if "knox" in settings.INSTALLED_APPS:
    from knox import views as knox
    from knox.auth import TokenAuthentication as KnoxAuthentication

    urlpatterns += [
        path("test_knox/", hello(KnoxAuthentication)),
        path("knox/login/", knox.LoginView.as_view(authentication_classes=[BasicAuthentication])),
        path("knox/logout/", knox.LogoutView.as_view()),
        path("knox/logoutall/", knox.LogoutAllView.as_view()),
    ]
