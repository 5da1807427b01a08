import LatchkeyTestSupport
import Testing

@testable import ZooKeeper

@Suite("The addresses of servers")
struct ServerAddressesTests {
  private static let unknown = ServerAddresses.Finding.failure(.init("unknown"))

  private let start = ContinuousClock.now

  private func at(_ seconds: Int) -> ContinuousClock.Instant { self.start + .seconds(seconds) }

  @Test("addresses go to the C client as it wants them: without brackets, with plain ports, each once")
  func literals() {
    var addresses = ServerAddresses(["[::1]:2181", "127.0.0.1:02181", "127.0.0.1:2181", "[fe80::1%eth0]:1"])
    #expect(addresses.hosts == "::1:2181,127.0.0.1:2181,fe80::1%eth0:1")
    addresses.expire(now: self.start)
    expectEqual(addresses.begin(now: self.start), [])
    #expect(addresses.nextLookup == nil && addresses.failure == nil && addresses.readyAt == self.start)
  }

  @Test("of an even number of addresses one is given twice, for the C client takes two steps after a failure")
  func odd() {
    let servers = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"]
    for count in 1...4 {
      for seed in 0..<count {
        let hosts = ServerAddresses(Array(servers[..<count]), seed: seed).hosts.split(separator: ",").map(String.init)
        #expect(hosts == servers[..<count] + (count.isMultiple(of: 2) ? [servers[seed]] : []))
      }
    }
    #expect(ServerAddresses([]).hosts.isEmpty)
  }

  @Test("a name stands for all of its addresses, and keeps those that it had while it cannot be found")
  func names() {
    var addresses = ServerAddresses(["a:1", "b:2", "a:3", "10.0.0.9:4"], seed: 0)
    addresses.expire(now: self.start)
    expectEqual(addresses.begin(now: self.start), ["a", "b"])
    #expect(addresses.hosts == "10.0.0.9:4")
    expectEqual(addresses.finished("a", .success(["10.0.0.1", "::2"]), now: self.start), nil)
    expectEqual(addresses.finished("b", Self.unknown, now: self.start), "cannot resolve b: unknown")
    #expect(addresses.hosts == "10.0.0.1:1,::2:1,10.0.0.1:3,::2:3,10.0.0.9:4")
    #expect(addresses.failure == "cannot resolve b: unknown")
    _ = addresses.finished("a", .failure(.init("gone")), now: self.start)
    _ = addresses.finished("b", .success(["10.0.0.2"]), now: self.start)
    #expect(addresses.hosts == "10.0.0.1:1,::2:1,10.0.0.2:2,10.0.0.1:3,::2:3,10.0.0.9:4,10.0.0.1:1")
    #expect(addresses.failure == "cannot resolve a: gone")
    _ = addresses.finished("a", .success(["10.0.0.7"]), now: self.start)
    #expect(addresses.hosts == "10.0.0.7:1,10.0.0.2:2,10.0.0.7:3,10.0.0.9:4,10.0.0.7:1" && addresses.failure == nil)
  }

  @Test("the same addresses in another order change nothing")
  func order() {
    var addresses = ServerAddresses(["a:1"])
    _ = addresses.finished("a", .success(["10.0.0.1", "10.0.0.2", "10.0.0.3"]), now: self.start)
    _ = addresses.finished("a", .success(["10.0.0.2", "10.0.0.3", "10.0.0.1"]), now: self.start)
    #expect(addresses.hosts == "10.0.0.1:1,10.0.0.2:1,10.0.0.3:1")
  }

  @Test("a session waits until all names have been looked up, but not for long if another server is known")
  func readiness() {
    var addresses = ServerAddresses(["a:1", "b:2"])
    #expect(addresses.readyAt == nil)
    addresses.expire(now: self.start)
    _ = addresses.begin(now: self.start)
    // Nothing is known yet.
    #expect(addresses.readyAt == nil)
    _ = addresses.finished("a", Self.unknown, now: self.at(2))
    #expect(addresses.readyAt == nil)
    #expect(addresses.failure == "cannot resolve a: unknown; the name server has not answered for b")
    _ = addresses.finished("a", .success(["10.0.0.1"]), now: self.at(3))
    #expect(addresses.readyAt == self.start + ServerAddresses.patience)
    _ = addresses.finished("b", Self.unknown, now: self.at(4))
    #expect(addresses.readyAt == self.start)

    // The next session would like to know better, and takes what is known.
    addresses.expire(now: self.at(9))
    _ = addresses.begin(now: self.at(9))
    #expect(addresses.readyAt == self.at(9) + ServerAddresses.patience && addresses.hosts == "10.0.0.1:1")

    var literal = ServerAddresses(["a:1", "10.0.0.1:1"])
    literal.expire(now: self.start)
    #expect(literal.readyAt == self.start + ServerAddresses.patience)
  }

  @Test(
    "lookups come less and less often, and begin anew when the connection is lost; failures are logged once a minute"
  )
  func pace() {
    var addresses = ServerAddresses(["a:1"])
    expectEqual(addresses.begin(now: self.start), [])
    addresses.expire(now: self.start)
    var now = self.start
    var warnings = 0
    for pause in [1, 2, 4, 8, 16, 16, 16] {
      #expect(addresses.nextLookup == now)
      expectEqual(addresses.begin(now: now), ["a"])
      #expect(addresses.nextLookup == nil)
      if addresses.finished("a", Self.unknown, now: now) != nil { warnings += 1 }
      #expect(addresses.nextLookup == now + .seconds(pause))
      expectEqual(addresses.begin(now: now), [])
      now += .seconds(pause)
    }
    #expect(warnings == 1)
    expectEqual(addresses.finished("a", Self.unknown, now: now), "cannot resolve a: unknown")
    addresses.expire(now: now)
    #expect(addresses.nextLookup == now)
  }

  @Test("a name is not looked up again while it is being looked up, whatever becomes of the others")
  func eachByItself() {
    var addresses = ServerAddresses(["a:1", "b:2"])
    addresses.expire(now: self.start)
    expectEqual(addresses.begin(now: self.start), ["a", "b"])
    _ = addresses.finished("b", Self.unknown, now: self.start)
    #expect(addresses.nextLookup == self.at(1))
    expectEqual(addresses.begin(now: self.at(1)), ["b"])
    addresses.expire(now: self.at(2))
    expectEqual(addresses.begin(now: self.at(2)), [])
    _ = addresses.finished("a", Self.unknown, now: self.at(3))
    expectEqual(addresses.begin(now: self.at(4)), ["a"])
  }

  @Test("of many names, only some are looked up at once")
  func many() {
    let names = (0..<20).map { "n\($0)" }
    var addresses = ServerAddresses(names.map { "\($0):1" })
    addresses.expire(now: self.start)
    expectEqual(addresses.begin(now: self.start), Array(names[..<ServerAddresses.mostLookups]))
    #expect(addresses.nextLookup == nil)
    expectEqual(addresses.begin(now: self.start), [])
    _ = addresses.finished("n3", .success(["10.0.0.3"]), now: self.start)
    #expect(addresses.nextLookup == self.start)
    expectEqual(addresses.begin(now: self.start), [names[ServerAddresses.mostLookups]])
  }

  @Test("the system's resolver finds this machine, and says in words what it does not find")
  func system() throws {
    let found = try HostResolver.system.addresses("localhost").get()
    #expect(!Set(found).isDisjoint(with: ["127.0.0.1", "::1"]))
    let failed = HostResolver.system.addresses("no-such-host.invalid")
    guard case .failure(let failure) = failed else {
      Issue.record("found \(failed)")
      return
    }
    #expect(!failure.reason.isEmpty && !failure.reason.contains("No such file"))
  }

  @Test("this machine is asked for with all of its addresses, also one that no network leads to")
  func loopback() {
    for host in ["localhost", "LOCALHOST.", "zk.localhost", "ip6-localhost"] {
      var questions: [Bool] = []
      let found = HostResolver.lookUp(host) { reachableOnly in
        questions.append(reachableOnly)
        return .success(reachableOnly ? ["127.0.0.1"] : ["127.0.0.1", "::1"])
      }
      #expect(found == .success(["127.0.0.1", "::1"]) && questions == [false])
    }
    let elsewhere = HostResolver.lookUp("zk.localhost.example") {
      .success($0 ? ["10.0.0.1"] : ["10.0.0.1", "2001:db8::1"])
    }
    #expect(elsewhere == .success(["10.0.0.1"]))
  }

  @Test("a name is asked for again where the system may have refused the way of asking, not where no answer came")
  func askedAgain() {
    let refused = HostResolver.lookUp("zk.test") { $0 ? .failure(.init("no network")) : .success(["::2"]) }
    #expect(refused == .success(["::2"]))
    var slow = HostResolver.Failure("timed out")
    slow.isPassing = true
    var questions = 0
    let failed = HostResolver.lookUp("zk.test") { _ in
      questions += 1
      return .failure(slow)
    }
    #expect(failed == .failure(slow) && questions == 1)
  }
}
