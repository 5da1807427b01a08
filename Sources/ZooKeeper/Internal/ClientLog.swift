internal import CZooKeeper
internal import Latchkey
internal import Logging

/// Forwards the C client's log, which is one for the whole process, to the logger of the client that was started last.
enum ClientLog {
  private static let logger = Locked<Logger?>(nil)

  static func forward(to logger: Logger) {
    self.logger.withLock { $0 = logger }
    // What nobody will read is not formatted. The C client calls every failed attempt to connect an error; they are part of
    // its work, and what they lead to is logged by this client.
    let level: Int32 =
      switch logger.logLevel {
      case .trace: 4
      case .debug: 3
      case .info: 1
      default: 0
      }
    czk_set_log(level, logLine)
  }

  fileprivate static func write(_ level: Int32, _ message: String) {
    guard let logger = self.logger.withLock({ $0 }) else { return }
    let swiftLevel: Logger.Level =
      switch level {
      case 1: .info
      case 4: .trace
      default: .debug
      }
    logger.log(level: swiftLevel, "\(message)", metadata: ["zookeeper.source": "libzookeeper_mt"])
  }
}

nonisolated private func logLine(_ level: Int32, _ message: UnsafePointer<CChar>) {
  ClientLog.write(level, String(cString: message))
}
