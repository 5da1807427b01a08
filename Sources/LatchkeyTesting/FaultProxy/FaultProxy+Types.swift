extension FaultProxy {
  /// The way a byte goes; some faults take both ways.
  public struct Direction: OptionSet, Hashable, Sendable, CustomStringConvertible {
    /// The bits of the ways.
    public let rawValue: UInt8

    /// Makes a direction of bits.
    public init(rawValue: UInt8) {
      self.rawValue = rawValue
    }

    /// Requests.
    public static let clientToServer = Direction(rawValue: 1)
    /// Replies, and what the server sends by itself.
    public static let serverToClient = Direction(rawValue: 2)
    /// Both ways.
    public static let both: Direction = [.clientToServer, .serverToClient]

    /// The ways in words.
    public var description: String {
      switch self {
      case .clientToServer: "client to server"
      case .serverToClient: "server to client"
      case .both: "both ways"
      default: "no way"
      }
    }
  }

  /// A server.
  package struct Target: Hashable, Sendable {
    /// A name or an address.
    package var host: String
    /// The port.
    package var port: Int

    /// Names a server; on this machine unless a host is given.
    package init(host: String = "127.0.0.1", port: Int) {
      self.host = host
      self.port = port
    }
  }

  /// One message of the protocol, or without framing whatever arrived at once.
  public struct Frame: Sendable {
    /// The connection's number, counted from 1.
    public let connection: Int
    /// Which way it goes.
    public let direction: Direction
    /// Its place among the frames of its connection that go the same way, counted from 0.
    public let index: Int
    /// Its place among the requests, or among the replies, of its connection, counted from 0; nil if it is neither.
    package internal(set) var exchange: Int?
    /// The method that its message calls, where the connection's headers have said it.
    var method: String?
    /// All of its bytes, with whatever marks its length.
    public let bytes: [UInt8]
  }

  /// What becomes of a frame.
  public enum Action: Hashable, Sendable {
    /// It goes on.
    case pass
    /// It is lost; the connection goes on without it.
    case drop
    /// It waits, with all that comes behind it the same way on its connection, until the rule releases it.
    case hold
    /// It is lost, and its connection is reset on both sides.
    case reset
    /// It goes on as the last one: then its sender's side is reset, its receiver's closed in good order.
    case passThenReset
  }

  /// Numbers of frames and bytes.
  package struct Traffic: Hashable, Sendable {
    /// How many frames.
    package internal(set) var frames = 0
    /// How many bytes in these frames.
    package internal(set) var bytes = 0
  }

  /// What has gone through a proxy since its start.
  package struct Counters: Hashable, Sendable {
    /// Connections that clients have made.
    package internal(set) var accepted = 0
    /// Connections that are open now.
    package internal(set) var open = 0
    /// Frames that clients have sent.
    package internal(set) var arrivedFromClients = Traffic()
    /// Frames that servers have sent.
    package internal(set) var arrivedFromServers = Traffic()
    /// Frames that were passed on to clients.
    package internal(set) var passedToClients = Traffic()
    /// Frames that were passed on to servers.
    package internal(set) var passedToServers = Traffic()
  }
}
