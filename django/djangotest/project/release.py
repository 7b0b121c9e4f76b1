"""Imports the modules that every project of a release of Django needs: that takes most of
the time of a start. Then it forks a process for each project.

Standard input is a socket: each message is the folder of a project, with a socket. The
project's process forks a worker for each socket that comes in on that one.
"""

import gc
import importlib
import os
import shutil
import signal
import socket
import sys

# Garbage collection would copy the memory that the forks share. The forks end soon.
gc.disable()

# These modules do not read the settings when they are imported.
for name in (
    "django.contrib.auth.hashers",
    "django.contrib.postgres.fields",
    "django.contrib.sessions.middleware",
    "django.core.handlers.wsgi",
    "django.core.management.commands.migrate",
    "django.core.signing",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.executor",
    "django.forms",
    "django.middleware.csrf",
    "django.template.backends.django",
    "django.test.client",
    "django.views.generic",
    "jwt",
    "rest_framework.compat",
):
    importlib.import_module(name)


def fork_for_each(control, child):
    """Calls child in a fork for each socket and text that come in on control."""
    while True:
        text, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
        if not descriptors:
            return
        connection = socket.socket(fileno=descriptors[0])
        if os.fork() == 0:
            control.close()
            child(connection, text.decode())
            os._exit(0)
        connection.close()


def project(control, folder):
    os.chdir(folder)
    sys.path[0] = folder
    import worker

    fork_for_each(control, worker.answer)
    shutil.rmtree(folder)


signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a fork
fork_for_each(socket.socket(fileno=0), project)
