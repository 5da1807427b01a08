import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("Watches on a server", .timeLimit(.minutes(1)))
struct WatchServerTests {
  @Test("a watch tells once what has happened")
  func oneShot() async throws {
    try await withClient { client, directory in
      let path = "\(directory)/a"
      let (stat, created) = try await client.existsWatching(path)
      #expect(stat == nil)
      try await client.create(path, data: [1])
      #expect(try await created.event() == .created)

      let (data, _, changed) = try await client.getWatching(path)
      #expect(data == [1])
      try await client.set(path, data: [2])
      #expect(try await changed.event() == .dataChanged)

      let (names, _, children) = try await client.childrenWatching(of: path)
      #expect(names == [])
      try await client.create("\(path)/b")
      #expect(try await children.event() == .childrenChanged)

      let deleted = try await client.getWatching("\(path)/b").watch
      try await client.delete("\(path)/b")
      #expect(try await deleted.event() == .deleted)
      let count = try #require(client.currentSession).state.withLock { $0.watches.count }
      #expect(count == 0)
    }
  }

  @Test("several watches on one node are told of one event")
  func several() async throws {
    try await withClient { client, directory in
      var watches: [Watch] = []
      for _ in 0..<5 { watches.append(try await client.getWatching(directory).watch) }
      try await client.set(directory, data: [1])
      for watch in watches { #expect(try await watch.event() == .dataChanged) }
    }
  }

  @Test("a watch that is not wanted any more is forgotten")
  func dropped() async throws {
    try await withClient { client, directory in
      let session = try #require(client.currentSession)
      _ = try await client.getWatching(directory)
      #expect(session.state.withLock { $0.watches.count } == 0)
      do throws(ZooKeeperError) {
        _ = try await client.getWatching("\(directory)/none")
      } catch {
        #expect(error.code == .noNode)
      }
      #expect(session.state.withLock { $0.watches.count } == 0)
    }
  }

  @Test("waiting for an event can be cancelled")
  func cancelled() async throws {
    try await withClient { client, directory in
      let watch = try await client.getWatching(directory).watch
      let task = Task { () -> ZooKeeperCode in
        do throws(ZooKeeperError) {
          _ = try await watch.event()
          return .ok
        } catch {
          return error.code
        }
      }
      task.cancel()
      #expect(await task.value == .cancelled)
    }
  }

  @Test("any number of tasks may wait for one event, and one that is cancelled leaves the others waiting")
  func shared() async throws {
    try await withClient { client, directory in
      let watch = try await client.getWatching(directory).watch
      let waiting = (0..<3).map { _ in Task { try? await watch.event() } }
      waiting[0].cancel()
      #expect(await waiting[0].value == nil)
      try await client.set(directory, data: [1])
      for task in waiting[1...] { #expect(await task.value == .dataChanged) }
      #expect(try await watch.event() == .dataChanged)
    }
  }

  @Test("a node's data are followed from before its creation to its deletion")
  func dataChanges() async throws {
    try await withClient { client, directory in
      let path = "\(directory)/a"
      var changes = client.dataChanges(of: path).makeAsyncIterator()
      #expect(try await changes.next().map { $0?.data } == .some(nil))
      try await client.create(path, data: [1])
      #expect(try await changes.next()??.data == [1])
      try await client.set(path, data: [2])
      #expect(try await changes.next()??.data == [2])
      try await client.delete(path)
      #expect(try await changes.next().map { $0?.data } == .some(nil))
    }
  }

  @Test("a node's children are followed")
  func childrenChanges() async throws {
    try await withClient { client, directory in
      var changes = client.childrenChanges(of: directory).makeAsyncIterator()
      #expect(try await changes.next() == .some([]))
      try await client.create("\(directory)/a")
      #expect(try await changes.next() == .some(["a"]))
      try await client.delete("\(directory)/a")
      #expect(try await changes.next() == .some([]))
    }
  }

  @Test("following ends without an error when the task is cancelled")
  func cancelledFollower() async throws {
    try await withClient { client, directory in
      let started = OneShot<Void>()
      let task = Task {
        var count = 0
        for try await _ in client.childrenChanges(of: directory) {
          count += 1
          started.resolve()
        }
        return count
      }
      await started.wait(cancelled: ())
      task.cancel()
      let count = try await task.value
      #expect(count == 1)
    }
  }

  @Test("a deletion watch outlives changes of the node's children")
  func deletionWatchOnParent() async throws {
    try await withClient { client, directory in
      let session = try #require(client.currentSession)
      let path = "\(directory)/a"
      try await client.create(path)
      let deleted = OneShot<Void>()
      let code = await answer { done in
        session.watchDeletion(of: path, onEvent: { deleted.resolve() }, done)
      }
      #expect(code == .ok)
      for _ in 0..<3 {
        try await client.create("\(path)/b")
        try await client.delete("\(path)/b")
      }
      #expect(session.state.withLock { $0.watches.count } == 1)
      try await client.delete(path)
      await deleted.wait(cancelled: ())
    }
  }
}
