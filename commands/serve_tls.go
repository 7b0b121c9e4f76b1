package commands

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"time"

	"tokenctl"
)

// tlsOptions say which certificate a server shows.
type tlsOptions struct {
	cert, key  string
	selfSigned bool
}

// config returns nil where there is to be no TLS.
func (o tlsOptions) config(listen string, hosts []string) (*tls.Config, error) {
	var certificate tls.Certificate
	var err error
	switch {
	case (o.cert == "") != (o.key == ""):
		return nil, usage("--tls-cert and --tls-key belong together", "")
	case o.cert != "" && o.selfSigned:
		return nil, usage("--tls-self-signed makes a certificate, and --tls-cert names one", "leave out one of them")
	case o.cert != "":
		if certificate, err = readPair(o.cert, o.key); err != nil {
			return nil, err
		}
	case o.selfSigned:
		if certificate, err = selfSigned(listen, hosts); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}

// readPair reads a certificate and its key.
func readPair(cert, key string) (pair tls.Certificate, err error) {
	var texts [2]string
	for i, file := range []string{cert, key} {
		if texts[i], err = readRegular(file, maxSettings, nil); err != nil {
			break
		}
	}
	if err == nil {
		pair, err = tls.X509KeyPair([]byte(texts[0]), []byte(texts[1]))
	}
	var known *tokenctl.Error
	if err != nil && !errors.As(err, &known) {
		err = &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "the certificate cannot be used: " + tokenctl.Reason(err), Hint: "check --tls-cert and --tls-key: both are PEM files"}
	}
	return pair, err
}

// selfSigned makes a certificate for this machine's own names and those that the
// server is allowed to have. Its key is never written anywhere.
func selfSigned(listen string, hosts []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "tokenctl test server"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(30 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	names := append([]string{"localhost", "127.0.0.1", "::1"}, hosts...)
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		names = append(names, host)
	}
	for _, name := range names {
		if ip := net.ParseIP(strings.Trim(name, "[]")); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if name != "*" {
			if strings.HasPrefix(name, ".") {
				template.DNSNames = append(template.DNSNames, name[1:], "*"+name)
			} else {
				template.DNSNames = append(template.DNSNames, name)
			}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
