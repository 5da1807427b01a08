/// The operation of a ZooKeeper request.
public enum ZooKeeperOperation: Int32, Hashable, Sendable {
  /// Makes a node.
  case create = 1
  /// Removes a node.
  case delete = 2
  /// Asks for a node's state.
  case exists = 3
  /// Reads a node's data.
  case getData = 4
  /// Writes a node's data.
  case setData = 5
  /// Reads a node's access rules.
  case getACL = 6
  /// Writes a node's access rules.
  case setACL = 7
  /// Lists a node's children.
  case getChildren = 8
  /// Has the server catch up with its leader.
  case sync = 9
  /// Keeps the session alive.
  case ping = 11
  /// Lists a node's children and asks for its state.
  case getChildrenAndState = 12
  /// Checks a node's version.
  case check = 13
  /// Does several operations as one.
  case multi = 14
  /// Makes a node and asks for its state.
  case createAndState = 15
  /// Makes a container.
  case createContainer = 19
  /// Makes a node that is removed after a time.
  case createTTL = 21
  /// Says who the client is.
  case authenticate = 100
  /// Sets the watches again after a new connection.
  case setWatches = 101
  /// Ends the session.
  case closeSession = -11
}

/// What a frame means when ``FaultProxy/Framing/zooKeeper`` divides the bytes.
extension FaultProxy.Frame {
  /// The number that a request and its reply share (`xid`); nil for the messages that open a session.
  ///
  /// Messages that belong to no request have fixed negative numbers: −1 watch event, −2 ping, −4 authentication, −8 watches
  /// set again.
  package var zooKeeperRequestNumber: Int32? {
    self.index == 0 ? nil : self.bytes[...].bigEndian(at: 4, as: Int32.self)
  }

  /// The operation of a request; nil for other frames.
  public var zooKeeperOperation: ZooKeeperOperation? {
    guard self.direction == .clientToServer, self.index > 0 else { return nil }
    return self.bytes[...].bigEndian(at: 8, as: Int32.self).flatMap(ZooKeeperOperation.init)
  }

  /// The error code of a reply, 0 for success; nil for other frames.
  package var zooKeeperErrorCode: Int32? {
    guard self.direction == .serverToClient, self.index > 0 else { return nil }
    return self.bytes[...].bigEndian(at: 16, as: Int32.self)
  }

  /// Whether the frame is a ping or the answer to one.
  package var isZooKeeperPing: Bool { self.zooKeeperRequestNumber == -2 }

  /// Whether the frame tells the client that a watch has fired.
  package var isZooKeeperWatchEvent: Bool { self.zooKeeperRequestNumber == -1 }

  /// Whether the frame is a request or the reply to one. Requests are numbered by a counter, which may turn negative.
  var hasZooKeeperRequestNumber: Bool {
    guard let number = self.zooKeeperRequestNumber else { return false }
    return ![-1, -2, -4, -8].contains(number)
  }
}
