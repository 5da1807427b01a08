internal import LatchkeyTesting

/// What is done to a client by the proxies in front of all of its servers.
extension [FaultProxy] {
  package func cutOff() async {
    for proxy in self { await proxy.cut() }
  }

  package func heal() async {
    // What was cut has lost bytes, so its connections are of no more use.
    for proxy in self {
      await proxy.heal()
      await proxy.reset()
    }
  }

  package func stop() async {
    for proxy in self { await proxy.stop() }
  }
}
