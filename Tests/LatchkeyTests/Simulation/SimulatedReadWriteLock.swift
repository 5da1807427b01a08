import Latchkey
import LatchkeyTesting

/// A read-write lock at the simulated server.
struct SimulatedReadWriteLock: UpgradableReadWriteLock {
  let client: SimulatedClient
  let name: LockName

  var reading: SimulatedLock { SimulatedLock(client: self.client, name: self.name, want: .shared) }
  var writing: SimulatedLock { SimulatedLock(client: self.client, name: self.name, want: .exclusive) }
  var backend: LockBackend { self.writing.backend }

  func downgrade(_ lease: consuming Lease) async throws(LockError) -> Lease {
    guard let driver = self.driver(of: lease, .exclusive) else {
      if self.client.mutation == .foreignLeaseIsKept {
        self.client.keep(LeaseBox(lease))
        throw LockError(.invalidConfiguration, name: self.name, message: "the lease is foreign")
      }
      throw await lease.refused(by: self.name, .downgrade)
    }
    let token = try await self.convert(driver) { $0.downgrade(self.name, $1, driver.request) }
    guard let token, driver.isHeld(driver.request) else { throw await Self.loss(of: lease, self.name) }
    if self.client.mutation != .downgradeKeepsView { driver.convert() }
    let minor: UInt64 = self.client.mutation == .downgradeTokenIsNew ? 0 : 1
    return self.reading.lease(driver, token, minor: minor, insteadOf: lease, .downgrade)
  }

  func tryUpgrade(_ lease: consuming Lease) async throws(LockError) -> Upgrade {
    guard let driver = self.driver(of: lease, .shared) else { throw await lease.refused(by: self.name, .upgrade) }
    let token = try await self.convert(driver) { $0.tryUpgrade(self.name, $1, driver.request) }
    guard let token, driver.isHeld(driver.request) else { throw await Self.loss(of: lease, self.name) }
    if token == 0 { return .busy(lease) }
    driver.convert()
    return .upgraded(self.writing.lease(driver, token, minor: 0, insteadOf: lease, .upgrade))
  }

  private func driver(of lease: borrowing Lease, _ want: SimulatedWant) -> SimulatedLease? {
    guard let driver = lease.grant(of: SimulatedLease.self)?.driver else { return nil }
    return driver.name == self.name && driver.want == want ? driver : nil
  }

  private func convert(
    _ driver: SimulatedLease,
    _ request: @Sendable (SimulatedServer, UInt64) -> UInt64??
  ) async throws(LockError) -> UInt64? {
    guard let session = self.client.session?.id else { return nil }
    do {
      return try await self.client.send(.acquire) { request($0, session) }
    } catch {
      throw LockError(.unreachable, name: self.name, message: "the simulated server does not answer")
    }
  }

  private static func loss(of lease: consuming Lease, _ name: LockName) async -> LockError {
    await lease.releaseQuietly()
    return .lost(name, because: "its session ended")
  }
}

extension SimulatedLock {
  /// The lease of a node that was converted.
  fileprivate func lease(
    _ driver: SimulatedLease,
    _ token: UInt64,
    minor: UInt64,
    insteadOf lease: consuming Lease,
    _ conversion: LeaseConversion
  ) -> Lease {
    let next = SimulatedLease(self, driver.request, driver.term, nil)
    return lease.converted(
      to: next,
      grant: next.request,
      token: self.token(major: token, minor: minor),
      by: conversion
    )
  }
}
