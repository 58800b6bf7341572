// SPDX-License-Identifier: MIT
//
// Go's own network library over loopback: its sockets never block, its poller is epoll.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

const clients = 16

var failed, passed int

func check(name string, good bool, detail any) {
	if good {
		passed++
		fmt.Println("ok", name)
	} else {
		failed++
		fmt.Printf("not ok %s: %v\n", name, detail)
	}
}

func echo(connection net.Conn) {
	io.Copy(connection, connection)
	connection.Close()
}

func first(results []error) error {
	for _, err := range results {
		if err != nil {
			return err
		}
	}
	return nil
}

func testEchoes() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		check("listen", false, err)
		return
	}
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go echo(connection)
		}
	}()
	var group sync.WaitGroup
	results := make([]error, clients)
	for i := range results {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			results[i] = talk(listener.Addr().String(), bytes.Repeat([]byte{byte(i)}, 20000+i))
		}(i)
	}
	group.Wait()
	check("clients at the same time", first(results) == nil, first(results))
}

func talk(address string, data []byte) error {
	connection, err := net.Dial("tcp4", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		connection.Write(data)
		connection.(*net.TCPConn).CloseWrite()
	}()
	answer, err := io.ReadAll(connection)
	if err == nil && !bytes.Equal(answer, data) {
		err = fmt.Errorf("%d of %d bytes came back", len(answer), len(data))
	}
	return err
}

func testErrors() {
	listener, _ := net.Listen("tcp4", "127.0.0.1:0")
	address := listener.Addr().String()
	_, err := net.Listen("tcp4", address)
	check("a port in use", errors.Is(err, syscall.EADDRINUSE), err)
	connection, err := net.Dial("tcp4", address)
	check("dialled", err == nil, err)
	connection.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err = connection.Read(make([]byte, 1))
	check("a deadline", errors.Is(err, os.ErrDeadlineExceeded), err)
	connection.Close()
	listener.Close()
	_, err = net.Dial("tcp4", address)
	check("refused", errors.Is(err, syscall.ECONNREFUSED), err)
}

func testDatagrams() {
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		check("datagrams", false, err)
		return
	}
	client, _ := net.Dial("udp4", server.LocalAddr().String())
	client.Write([]byte("question"))
	data := make([]byte, 100)
	count, from, err := server.ReadFrom(data)
	check("a datagram", err == nil && string(data[:count]) == "question", err)
	server.WriteTo([]byte("answer"), from)
	count, err = client.Read(data)
	check("and its answer", err == nil && string(data[:count]) == "answer", err)
}

func testHTTP() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		check("HTTP", false, err)
		return
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you asked for %s", r.URL.Path)
	}))
	response, err := http.Get("http://" + listener.Addr().String() + "/page")
	if err != nil {
		check("HTTP", false, err)
		return
	}
	text, err := io.ReadAll(response.Body)
	check("HTTP", err == nil && string(text) == "you asked for /page", string(text))
}

func main() {
	testEchoes()
	testErrors()
	testDatagrams()
	testHTTP()
	fmt.Printf("%d passed, %d failed, 0 skipped\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
