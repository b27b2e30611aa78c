package smsc

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"puente/test/machine"
)

// fakeSMSC is the SMS center that Debian's kannel-extras has: it takes messages of phones on its standard
// input, and shows what it is to deliver.
const fakeSMSC = "/usr/lib/kannel/test/fakesmsc"

// kannel is a gateway with its SMS center: bearerbox, smsbox and fakesmsc, on loopback.
type kannel struct {
	dir     string
	sendsms string // host:port of the smsbox
	admin   string // of the bearerbox
	smsc    string
	phones  io.Writer   // what phones send
	got     chan string // what phones get, as fakesmsc shows it: from to coding text
	sent    chan struct{}
}

// hasKannel tells whether a Kannel is here, with its fake SMS center.
func hasKannel(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat(fakeSMSC)
	return machine.Has(t, "bearerbox", "kannel") && machine.Has(t, "smsbox", "kannel") && machine.Found(t, "kannel", err)
}

// free is an address of loopback that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// startKannel runs a gateway that calls back at callbacks until t ends.
func startKannel(t *testing.T, callbacks string) *kannel {
	t.Helper()
	k := &kannel{dir: t.TempDir(), sendsms: free(t), admin: free(t), smsc: free(t), got: make(chan string, 100), sent: make(chan struct{}, 100)}
	file := filepath.Join(k.dir, "kannel.conf")
	boxes := free(t)
	if err := os.WriteFile(file, fmt.Appendf(nil, `group = core
admin-port = %s
admin-interface = 127.0.0.1
admin-password = admin
smsbox-port = %s
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = FAKE
port = %s
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = %[2]s
sendsms-port = %[4]s
sendsms-interface = 127.0.0.1
http-request-retry = 100
http-queue-delay = 1

group = sendsms-user
username = puente
password = the-password
concatenation = true
max-messages = 10

group = sms-service
keyword = default
catch-all = true
max-messages = 0
omit-empty = true
get-url = "http://%s/callbacks/smsc/messages?secret=%s&from=%%p&to=%%P&text=%%b&charset=%%C&coding=%%c&smsc=%%i&id=%%I&reference=%%F"
`, port(k.admin), port(boxes), port(k.smsc), port(k.sendsms), callbacks, secret), 0o600); err != nil {
		t.Fatal(err)
	}
	k.run(t, "bearerbox", nil, exec.Command("bearerbox", file))
	await(t, "bearerbox answers", func() bool { return k.status() != "" })
	k.run(t, "smsbox", nil, exec.Command("smsbox", file))
	await(t, "smsbox listens", func() bool {
		conn, err := net.Dial("tcp", k.sendsms)
		return err == nil && conn.Close() == nil
	})
	fake := exec.Command(fakeSMSC, "-H", "127.0.0.1", "-r", port(k.smsc))
	in, err := fake.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	k.phones = in
	message := regexp.MustCompile(`Got message \d+: <(.*)>`)
	k.run(t, "fakesmsc", func(line string) {
		if m := message.FindStringSubmatch(line); m != nil {
			k.got <- m[1]
		} else if strings.Contains(line, "sent message") {
			k.sent <- struct{}{}
		}
	}, fake)
	await(t, "the SMS center is connected", func() bool { return strings.Contains(k.status(), "online") })
	return k
}

// run runs a program until t ends; each is told its lines.
func (k *kannel) run(t *testing.T, name string, each func(string), cmd *exec.Cmd) {
	t.Helper()
	cmd.Dir = k.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	write.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer out.Close()
		log := t.Output()
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if each != nil {
				each(lines.Text())
			}
			if line := lines.Text(); strings.Contains(line, "WARNING") || strings.Contains(line, "ERROR") || strings.Contains(line, "PANIC") {
				fmt.Fprintln(log, name, line)
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // by our signal
		<-read
	})
}

// status is that of the SMS center's connection, as bearerbox has it.
func (k *kannel) status() string {
	resp, err := http.Get("http://" + k.admin + "/status.txt")
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	_, connections, _ := strings.Cut(string(text), "SMSC connections:")
	return "SMSC:" + connections
}

// send has a phone send a message: "56912345678 2200 text SALIR". It waits until it left: fakesmsc forgets a
// line that it finds behind another.
func (k *kannel) send(t *testing.T, message string) {
	t.Helper()
	if _, err := fmt.Fprintln(k.phones, message); err != nil {
		t.Fatal(err)
	}
	select {
	case <-k.sent:
	case <-time.After(10 * time.Second):
		t.Fatal("fakesmsc did not send ", message)
	}
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	late := time.After(30 * time.Second)
	for again := time.NewTicker(50 * time.Millisecond); !so(); {
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("in vain: %s", what)
		}
	}
}
