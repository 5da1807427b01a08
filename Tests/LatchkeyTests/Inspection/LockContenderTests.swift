import Latchkey
import Testing

@Suite("What a contender has left for people")
struct LockContenderTests {
  private func contender(_ note: String) -> LockContender {
    var contender = LockContender(place: 0, identity: "node")
    contender.read(note: Array(note.utf8))
    return contender
  }

  @Test(
    "is read as it was written, whatever the label holds",
    arguments: [nil, "nightly", "two words", "a \"quoted\" \\ one", "", "label=x pid=3", "x limit=3", "é🔒"]
  )
  func ours(label: String?) {
    let contender = self.contender(ContenderDescription.text(label: label))
    #expect(contender.host == ThisProcess.host && contender.pid == ThisProcess.id)
    #expect(contender.label == label)
  }

  @Test("and so is the limit of a semaphore that it was told", arguments: [nil, "nightly", "limit=3", "x limit=3", ""])
  func limit(label: String?) {
    let text = ContenderDescription.text(label: label)
    let told = ContenderDescription.text(text, limit: 7)
    #expect(ContenderDescription.limit(in: told) == 7 && ContenderDescription.limit(in: text) == nil)
    let contender = self.contender(told)
    #expect(contender.label == label && contender.pid == ThisProcess.id)
  }

  @Test(
    "is an address where Curator has left one",
    arguments: ["10.1.2.3", "127.0.1.1", "fe80::1", "2001:db8::17%eth0"]
  )
  func address(text: String) {
    let contender = self.contender(text)
    #expect(contender.host == text && contender.pid == nil && contender.label == nil)
  }

  @Test(
    "is a label where it is any other text, on one line and not too long",
    arguments: [
      ("worker-7", "worker-7"), ("10.1.2", "10.1.2"), ("two\nlines", "two lines"), ("host=a pid=x", "host=a pid=x"),
      ("host=a pid=1 more", "host=a pid=1 more"), ("host=\"open pid=1", "host=\"open pid=1"),
    ]
  )
  func label(text: String, shown: String) {
    let contender = self.contender(text)
    #expect(contender.label == shown && contender.host == nil && contender.pid == nil)
    #expect(self.contender(String(repeating: "x", count: 10_000)).label?.count == 512)
  }

  @Test("is nothing where there is none; the contender is then called by what the backend knows it by")
  func nothing() {
    let contender = self.contender("")
    #expect(contender.host == nil && contender.label == nil)
    #expect(contender.description == "node")
    var known = self.contender("host=a pid=7 label=b")
    #expect(known.description == "a, process 7, b")
    known.label = nil
    #expect(known.description == "a, process 7")
  }
}
