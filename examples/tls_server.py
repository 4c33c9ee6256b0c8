"""An FTP server that insists on TLS, for commands and for data (explicit FTPS).

Needs: pip install pyopenssl        (pyftpdlib's TLS handler is built on it. It brings along
       `cryptography`, which makes the certificate: no need for the openssl program.)
Run:   python examples/tls_server.py [PORT]          (2121 when left out; 0 takes a free port)
See:   "listening on 127.0.0.1:2121", and where the self-signed certificate is, for clients that
       want to check it.
Use:   python examples/upload_client.py --tls        (user "user", password "12345")
Stop:  Ctrl-C. Home folder, key and certificate, made for this run only, are removed.
"""

import datetime as dt
import ipaddress
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer


def make_certificate(certificate_file: Path, key_file: Path) -> None:
    """Write a self-signed certificate for 127.0.0.1, good for one day, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    # An hour early, for a client whose clock is behind ours.
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + dt.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def main() -> None:
    """Serve until Ctrl-C."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 2121
    # The key has a folder of its own: nothing in `home` is safe from the clients.
    with (
        suppress(KeyboardInterrupt),
        TemporaryDirectory(prefix="ftp-home-") as home,
        TemporaryDirectory(prefix="ftp-keys-") as keys,
    ):
        certificate_file, key_file = Path(keys, "certificate.pem"), Path(keys, "key.pem")
        make_certificate(certificate_file, key_file)
        authorizer = DummyAuthorizer()
        authorizer.add_user("user", "12345", home, perm="elradfmwMT")
        TLS_FTPHandler.authorizer = authorizer
        TLS_FTPHandler.certfile, TLS_FTPHandler.keyfile = str(certificate_file), str(key_file)
        TLS_FTPHandler.tls_control_required = TLS_FTPHandler.tls_data_required = True
        server = FTPServer(("127.0.0.1", port), TLS_FTPHandler)
        print("home folder", home)
        print("certificate", certificate_file)
        print("listening on {}:{}".format(*server.address), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
