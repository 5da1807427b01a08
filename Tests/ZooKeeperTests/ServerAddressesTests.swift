import Testing

@testable import ZooKeeper

@Suite("The addresses of servers")
struct ServerAddressesTests {
  private let start = ContinuousClock.now

  private func at(_ seconds: Int) -> ContinuousClock.Instant { self.start + .seconds(seconds) }

  @Test("addresses go to the C client as it wants them: without brackets, with plain ports, each once")
  func literals() {
    let addresses = ServerAddresses(["[::1]:2181", "127.0.0.1:02181", "127.0.0.1:2181", "[fe80::1%eth0]:1"])
    #expect(addresses.hosts == "::1:2181,127.0.0.1:2181,fe80::1%eth0:1")
    #expect(addresses.names.isEmpty && addresses.nextLookup == nil && addresses.failure == nil)
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
    #expect(addresses.names == ["a", "b"] && addresses.hosts == "10.0.0.9:4")
    _ = addresses.finished(["a": .success(["10.0.0.1", "::2"]), "b": .failure(.init("unknown"))], now: self.start)
    #expect(addresses.hosts == "10.0.0.1:1,::2:1,10.0.0.1:3,::2:3,10.0.0.9:4")
    #expect(addresses.failure == "cannot resolve b: unknown")
    _ = addresses.finished(["a": .failure(.init("gone")), "b": .success(["10.0.0.2"])], now: self.start)
    #expect(addresses.hosts == "10.0.0.1:1,::2:1,10.0.0.2:2,10.0.0.1:3,::2:3,10.0.0.9:4,10.0.0.1:1")
    #expect(addresses.failure == "cannot resolve a: gone")
    _ = addresses.finished(["a": .success(["10.0.0.7"]), "b": .success(["10.0.0.2"])], now: self.start)
    #expect(addresses.hosts == "10.0.0.7:1,10.0.0.2:2,10.0.0.7:3,10.0.0.9:4,10.0.0.7:1" && addresses.failure == nil)
  }

  @Test(
    "lookups come less and less often, and begin anew when the connection is lost; failures are logged once a minute"
  )
  func pace() {
    var addresses = ServerAddresses(["a:1"])
    addresses.expire(now: self.start)
    #expect(addresses.nextLookup == self.start)
    var now = self.start
    var warnings = 0
    for pause in [1, 2, 4, 8, 16, 16, 16] {
      addresses.begin()
      #expect(addresses.isLookingUp && addresses.nextLookup == nil)
      if addresses.finished(["a": .failure(.init("unknown"))], now: now) { warnings += 1 }
      #expect(addresses.nextLookup == now + .seconds(pause))
      now += .seconds(pause)
    }
    #expect(warnings == 1)
    expectEqual(addresses.finished(["a": .failure(.init("unknown"))], now: now), true)
    addresses.expire(now: now)
    #expect(addresses.nextLookup == now)
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
}
