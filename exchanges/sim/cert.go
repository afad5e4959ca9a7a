package sim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// certificates are a CA made at start and three leaves under it: one that a
// client that trusts the CA accepts for loopback, and two it must not.
type certificates struct {
	caPEM                      []byte
	good, expired, foreignHost *tls.Certificate
	caCertificate              *x509.Certificate
	caKey                      *ecdsa.PrivateKey
}

func newCertificates(now time.Time) (*certificates, error) {
	c := &certificates{}
	if err := c.makeCA(now); err != nil {
		return nil, err
	}
	for _, leaf := range []struct {
		to      **tls.Certificate
		serial  int64
		expires time.Time
		local   bool
	}{
		{&c.good, 2, now.Add(365 * 24 * time.Hour), true},
		{&c.expired, 3, now.Add(-24 * time.Hour), true},
		{&c.foreignHost, 4, now.Add(365 * 24 * time.Hour), false},
	} {
		t := leafTemplate(leaf.serial, now.Add(-30*24*time.Hour), leaf.expires, leaf.local)
		certificate, err := c.sign(t)
		if err != nil {
			return nil, err
		}
		*leaf.to = certificate
	}
	return c, nil
}

func (c *certificates) makeCA(now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("generate CA key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "simulated venue CA"},
		NotBefore:             now.Add(-365 * 24 * time.Hour),
		NotAfter:              now.Add(365 * 24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("sign CA: %w", err)
	}
	c.caKey = key
	c.caPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	c.caCertificate, err = x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("parse CA: %w", err)
	}
	return nil
}

func leafTemplate(serial int64, begins, expires time.Time, local bool) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: "simulated venue"},
		NotBefore:    begins,
		NotAfter:     expires,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if local {
		t.DNSNames = []string{"localhost"}
		t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	} else {
		t.DNSNames = []string{"elsewhere.invalid"}
	}
	return t
}

func (c *certificates) sign(t *x509.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, c.caCertificate, key.Public(), c.caKey)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// pick gives the leaf the faults ask for.
func (c *certificates) pick(f Faults) *tls.Certificate {
	switch {
	case f.CertExpired:
		return c.expired
	case f.CertWrongHost:
		return c.foreignHost
	default:
		return c.good
	}
}
