from django.contrib.auth.models import AbstractUser
from django.db import models


class ExtraUser(AbstractUser):
    """Django fills the defaults in; the columns have none."""

    tenant = models.CharField(max_length=40, default="main")
    quota = models.PositiveIntegerField(default=10)
    phone = models.CharField(max_length=20, null=True)
