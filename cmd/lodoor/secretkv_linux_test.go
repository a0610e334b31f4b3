package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// redisCommands have a % where there is a secret. Those that would lock us out are undone.
func redisCommands() []string {
	return []string{
		"AUTH %", "AUTH default %", "AUTH alice %", "AUTH alice % more", "HELLO 3 AUTH alice %", "HELLO 2 AUTH default % SETNAME me",
		"HELLO 3 AUTH %", "HELLO 2", "ACL SETUSER alice on >% ~* +@all", "ACL SETUSER alice >% <%", "ACL SETUSER alice nonsense >%",
		"ACL SETUSER alice #%", "ACL GETUSER alice", "ACL LIST", "CONFIG SET requirepass %", "CONFIG GET requirepass", "CONFIG GET *",
		"CONFIG SET requirepass %", "CONFIG SET masterauth %", "CONFIG SET maxclients 1000 masterauth %", "CONFIG GET masterauth",
		"CONFIG SET masterauth % odd", "CONFIG SET tls-key-file-pass %", "CONFIG SET requirepass \"\"", "CONFIG SET masteruser me masterauth %",
		"MIGRATE 127.0.0.1 1 k 0 10 AUTH %", "MIGRATE 127.0.0.1 1 k 0 10 COPY AUTH2 u %", "MIGRATE 127.0.0.1 1 \"\" 0 10 AUTH % KEYS a b",
		"MULTI", "CONFIG SET masterauth %", "CONFIG GET masterauth", "ACL SETUSER alice >%", "EXEC",
		"CONFIG SET masterauth \"\"", "ACL LOG", "SLOWLOG GET", "CLIENT LIST", "ACL DELUSER alice",
	}
}

// talkRedis says them as arrays of bulk strings, and then inline.
func (d *secretDoor) talkRedis(s *secrets) {
	d.t.Helper()
	for _, inline := range []bool{false, true} {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", d.ports["kv"]))
		if err != nil {
			d.t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		r := bufio.NewReader(c)
		for _, command := range append(s.plant(redisCommands()), "PING") {
			text := command + "\r\n"
			if !inline {
				words := strings.Fields(strings.ReplaceAll(command, `""`, "EMPTY"))
				text = fmt.Sprintf("*%d\r\n", len(words))
				for _, w := range words {
					w = strings.ReplaceAll(w, "EMPTY", "")
					text += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
				}
			}
			if _, err := io.WriteString(c, text); err != nil {
				d.t.Fatal(err)
			}
		}
		for line := ""; !strings.HasPrefix(line, "+PONG"); { // the last answer
			if line, err = r.ReadString('\n'); err != nil {
				d.t.Fatalf("inline %v: %v", inline, err)
			}
		}
		_ = c.Close()
	}
}

// httpRequests have a % where there is a secret, and a ~ where it comes in base64.
func httpRequests() []string {
	return []string{
		"GET /1 HTTP/1.1\nHost: HERE\nAuthorization: Bearer %\n\n", "GET /2 HTTP/1.1\nHost: HERE\nauthorization:basic ~\n\n",
		"GET /3 HTTP/1.1\nHost: HERE\nCookie: a=%; b=%\nX-Api-Key: %\n\n", "GET /4?token=%&q=1&api_key=%#access_token=% HTTP/1.1\nHost: HERE\n\n",
		"GET /6?q=1 HTTP/1.1\nHost: HERE\nReferer: http://u:%@h/?code=%\nX-Auth-Token: %\nX-Csrf-Token: %\n\n",
		"GET /7?p%%61ssword=% HTTP/1.1\nHost: HERE\nX-Amz-Security-Token: %\nX-Goog-Api-Key: %\n\n",
		"POST /8 HTTP/1.1\nHost: HERE\nContent-Type: application/x-www-form-urlencoded\n\nuser=alice&password=%",
		"POST /9 HTTP/1.1\nHost: HERE\nContent-Type: application/json\n\n{\"user\":\"alice\",\"password\":\"%\"}",
		"GET /nothing?access_token=% HTTP/1.1\nHost: HERE\nAuthorization: Digest username=\"u\", response=\"%\"\n\n",
	}
}

func (d *secretDoor) talkHTTP(s *secrets) {
	d.t.Helper()
	d.ask(s, httpRequests())
	// A gate refuses the last one, with an alert.
	d.ask(s, []string{"GET http://u:%@HERE/5 HTTP/1.1\nHost: HERE\nProxy-Authorization: Basic ~\n\n"})
}

// ask sends requests on one connection.
func (d *secretDoor) ask(s *secrets, requests []string) {
	d.t.Helper()
	c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", d.ports["web"]))
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(c)
	for _, text := range requests {
		if strings.Contains(text, "~") {
			text = strings.ReplaceAll(text, "~", base64.StdEncoding.EncodeToString([]byte("user:"+s.next())))
		}
		text = strings.ReplaceAll(text, "HERE", c.RemoteAddr().String())
		head, body, _ := strings.Cut(s.plant([]string{text})[0], "\n\n")
		if body != "" {
			head += fmt.Sprint("\nContent-Length: ", len(body))
		}
		if _, err := io.WriteString(c, strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"+body); err != nil {
			d.t.Fatal(err)
		}
		answer, err := http.ReadResponse(r, nil)
		if err != nil && d.how.named && len(requests) == 1 {
			d.await(flow.EventAlert, 1)
			return
		}
		if err != nil || answer.StatusCode == http.StatusBadRequest {
			d.t.Fatalf("%q: %v", text, err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
}

// answerSecretively is a server that has secrets of its own.
func answerSecretively(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Add("Set-Cookie", "sid="+planted(5)+"; Path=/; HttpOnly")
	w.Header().Add("Set-Cookie", "other="+planted(6))
	if r.URL.Path == "/nothing" {
		w.Header().Set("Location", "https://u:"+planted(7)+"@localhost/cb?code="+planted(8))
		w.WriteHeader(http.StatusFound)
		return
	}
	_, _ = io.WriteString(w, "fine\n")
}
