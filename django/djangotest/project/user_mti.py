from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    pass


class Member(Person):
    """Its key is person_ptr_id; everything that can be asked for is in accounts_person."""

    tier = models.CharField(max_length=20, default="free")
