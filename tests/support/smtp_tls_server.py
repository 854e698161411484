# SPDX-License-Identifier: Apache-2.0
"""A mail server with TLS for mail_tls_test.c: smtp_tls_server.py (smtps|starttls) CERTIFICATE KEY

Prints its port, then a line "<tls|plain> <recipient>" for each mail that it takes, with what came with AUTH PLAIN before
the recipient. It ends with its standard input.
"""

import os
import socketserver
import ssl
import sys
import threading

mode, certificate, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


class Connection(socketserver.BaseRequestHandler):
    def say(self, text):
        self.request.sendall(text.encode() + b"\r\n")

    def secure(self):
        self.request = context.wrap_socket(self.request, server_side=True)
        self.lines = self.request.makefile("rb")

    def hello(self):
        offers = mode == "starttls" and not isinstance(self.request, ssl.SSLSocket)
        self.say("250-here\r\n250-AUTH PLAIN\r\n250 " + ("STARTTLS" if offers else "SIZE 1000000"))

    def log_in(self, line):
        if line.upper() == "AUTH PLAIN":
            self.say("334 ")
            self.login = self.lines.readline().decode().strip() + " "
        else:
            self.login = line[len("AUTH PLAIN ") :] + " "
        self.say("235 welcome")

    def take(self, recipient):
        self.say("354 go on")
        while self.lines.readline() not in (b".\r\n", b""):
            pass
        kind = "tls" if isinstance(self.request, ssl.SSLSocket) else "plain"
        print(kind, self.login + recipient, flush=True)
        self.say("250 taken")

    def serve(self):
        if mode == "smtps":
            self.secure()
        else:
            self.lines = self.request.makefile("rb")
        recipient = self.login = ""
        self.say("220 a server")
        while line := self.lines.readline().decode().strip():
            command = line[:4].upper()
            if command == "EHLO":
                self.hello()
            elif command == "STAR":
                self.say("220 go on")
                self.secure()
            elif command == "AUTH":
                self.log_in(line)
            elif command == "RCPT":
                recipient = line[line.index("<") + 1 : line.index(">")]
                self.say("250 ok")
            elif command == "DATA":
                self.take(recipient)
            elif command == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def handle(self):
        try:
            self.serve()
        except OSError:  # among them a client that does not like the certificate
            pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Connection)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)
