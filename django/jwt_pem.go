package django

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"tokenctl"
)

// parsePEMKey reads the first key of a PEM file: PKCS#1, PKCS#8, SEC 1, PKIX or a certificate's.
// private is nil if the file has only a public key. Errors never quote the file.
func parsePEMKey(file string, data []byte) (private, public crypto.PublicKey, err error) {
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, nil, noPEMKey(file, data)
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, nil, tokenctl.ConfigError(file+": the key is encrypted, and neither simplejwt nor tokenctl asks for its passphrase",
				"openssl pkey -in ENCRYPTED -out KEY writes it in the clear; keep that file to its owner")
		}
		var key any
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "PUBLIC KEY":
			key, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			key, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var certificate *x509.Certificate
			if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
				key = certificate.PublicKey
			}
		case "OPENSSH PRIVATE KEY":
			return nil, nil, tokenctl.ConfigError(file+": the key is in OpenSSH's own form",
				"ssh-keygen -p -m PKCS8 -f KEY rewrites a copy of it as PEM")
		default: // "EC PARAMETERS" comes before its key
			continue
		}
		if err != nil {
			// x509's text may hold bytes of the key.
			return nil, nil, tokenctl.ConfigError(file+": its "+strings.ToLower(block.Type)+" cannot be read",
				"give a key of RSA with 1024 bits or more, P-256, P-384, P-521 or Ed25519")
		}
		if signer, ok := key.(crypto.Signer); ok {
			return key, signer.Public(), nil
		}
		return nil, key, nil
	}
}

func noPEMKey(file string, data []byte) error {
	if sshKey().Match(data) {
		return tokenctl.ConfigError(file+" holds a key in OpenSSH's own form",
			"ssh-keygen -e -m PKCS8 -f KEY writes it as PEM")
	}
	return tokenctl.ConfigError(file+" holds no key in PEM form", "such a file begins with a line like -----BEGIN PRIVATE KEY-----")
}

// sshKey is is_ssh_key in PyJWT's utils.py (2.15.1), pemKey its is_pem_format.
var (
	sshKey = tokenctl.Lazily(`^(ssh-ed25519|ssh-rsa|ssh-dss|ecdsa-sha2-nistp)`)
	pemKey = tokenctl.Lazily(`----[- ]BEGIN [A-Z0-9 ]*(KEY|CERTIFICATE|CERTIFICATE REQUEST|DH PARAMETERS|X509 CRL)[- ]----`)
)

func looksAsymmetric(key []byte) bool {
	end := bytes.Contains(key, []byte("---- END ")) || bytes.Contains(key, []byte("-----END "))
	return sshKey().Match(key) || pemKey().Match(key) && end
}
