// Says what crypto/x509 thinks of certificates. A line of input is the chain in hexadecimal, separated by commas, and the
// trusted CA; the argument is the time in Unix seconds. A line of output is accepted, not-parsed or not-verified with the
// error.

//
//go:debug default=go1.26
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func judge(chain []string, anchor string, now time.Time) string {
	var parsed []*x509.Certificate
	for _, text := range append(chain, anchor) {
		der, err := hex.DecodeString(text)
		if err != nil {
			panic(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return "not-parsed " + err.Error()
		}
		parsed = append(parsed, certificate)
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(parsed[len(parsed)-1])
	for _, certificate := range parsed[1 : len(parsed)-1] {
		intermediates.AddCert(certificate)
	}
	_, err := parsed[0].Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return "not-verified " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return "accepted"
}

func main() {
	seconds, err := strconv.ParseInt(os.Args[1], 10, 64)
	if err != nil {
		panic(err)
	}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<24)
	for input.Scan() {
		chain, anchor, _ := strings.Cut(input.Text(), " ")
		fmt.Println(judge(strings.Split(chain, ","), anchor, time.Unix(seconds, 0)))
	}
}
