import Testing

@testable import ZooKeeper

@Suite("Configuration and paths")
struct ConfigurationTests {
  @Test(
    "good connect strings are taken apart and put together again",
    arguments: ["localhost:2181", "a:1,b:2,c:65535", "[::1]:2181/app", "a:1/app/part"]
  )
  func good(connectString: String) throws {
    let configuration = ZooKeeperClient.Configuration(connectString: connectString)
    try configuration.validate()
    #expect(configuration.connectString == connectString)
  }

  @Test("the root is no chroot, and spaces behind commas do no harm")
  func lenient() throws {
    let configuration = ZooKeeperClient.Configuration(connectString: "a:1, b:2/")
    try configuration.validate()
    #expect(configuration.connectString == "a:1,b:2")
  }

  @Test(
    "what is wrong is refused with a reason that names it",
    arguments: [
      ("", "no servers"), ("a", "no port"), (":2181", "no port"), ("a:", "port"), ("a:0", "port"), ("a:65536", "port"),
      ("a:-1", "port"), ("a:x", "port"), ("a:1,", "no port"), ("::1:2181", "brackets"), ("a b:1", "character"),
      ("a:1/a//b", "\"//\""), ("a:1/a/", "end with \"/\""), ("a:1/..", "\"..\""),
    ]
  )
  func bad(connectString: String, reason: String) {
    let error = #expect(throws: ZooKeeperError.self) { try ZooKeeperClient(.init(connectString: connectString)) }
    #expect(error?.code == .invalidConfiguration)
    #expect(error?.message.contains(reason) == true, "\(String(describing: error))")
  }

  @Test("a limit for requests that lets nothing pass is refused")
  func requestLimit() {
    var configuration = ZooKeeperClient.Configuration(connectString: "a:1")
    configuration.maximumRequestSize = 0
    let error = #expect(throws: ZooKeeperError.self) { try configuration.validate() }
    #expect(error?.code == .invalidConfiguration && error?.message.contains("maximumRequestSize") == true)
  }

  @Test("encryption is refused plainly where the C client has none")
  func encryption() {
    var configuration = ZooKeeperClient.Configuration(connectString: "a:1")
    configuration.tls = .init(authorityFile: "ca", certificateFile: "crt", keyFile: "key", password: "secret")
    let error = #expect(throws: ZooKeeperError.self) { try configuration.validate() }
    #expect(error?.code == .notSupported)
    #expect("\(configuration.tls.map { "\($0)" } ?? "")".contains("secret") == false)
  }

  @Test("a comma in what the C client takes as a list is refused, and a password is not shown")
  func commas() {
    let good = ZooKeeperClient.Configuration.TLS(authorityFile: "ca", certificateFile: "crt", keyFile: "key")
    let parts: [(String, WritableKeyPath<ZooKeeperClient.Configuration.TLS, String>)] = [
      ("authorityFile", \.authorityFile), ("certificateFile", \.certificateFile), ("keyFile", \.keyFile),
      ("password", \.password),
    ]
    for (name, part) in parts {
      var tls = good
      tls[keyPath: part] = "hunter2,x"
      var configuration = ZooKeeperClient.Configuration(connectString: "a:1")
      configuration.tls = tls
      let error = #expect(throws: ZooKeeperError.self) { try configuration.validate() }
      #expect(error?.code == .invalidConfiguration && error?.message.contains("tls.\(name) contains a comma") == true)
      #expect(error?.message.contains("hunter2") == false)
    }
  }

  @Test("a credential does not show itself")
  func hidden() {
    let credential = ZooKeeperClient.Credential.digest(user: "bob", password: "secret")
    #expect("\(credential)" == "digest:<hidden>")
    #expect(!String(reflecting: credential).contains("secret"))
  }

  @Test("good paths", arguments: ["/", "/a", "/a/b", "/a.b", "/...", "/.a", "/é"])
  func goodPath(path: String) {
    #expect(NodePath.problem(with: path) == nil)
  }

  @Test(
    "bad paths",
    arguments: ["", "a", "//", "/a/", "/a//b", "/.", "/..", "/a/./b", "/a/../b", "/a\0b", "/a\u{1}", "/\u{7f}"]
  )
  func badPath(path: String) {
    #expect(NodePath.problem(with: path) != nil)
  }

  @Test("a sequential node's path may end with a slash")
  func sequentialPath() {
    #expect(NodePath.problem(with: "/a/", isSequential: true) == nil)
    #expect(NodePath.problem(with: "/a//", isSequential: true) != nil)
  }

  @Test("parents and children")
  func family() {
    #expect(NodePath.parent(of: "/a/b") == "/a" && NodePath.parent(of: "/a") == "/" && NodePath.parent(of: "/") == nil)
    #expect(NodePath.lastComponent(of: "/a/b") == "b")
    #expect(NodePath.child("b", of: "/") == "/b" && NodePath.child("b", of: "/a") == "/a/b")
  }
}
