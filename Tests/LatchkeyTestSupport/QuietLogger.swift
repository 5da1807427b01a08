package import Logging

extension Logger {
  /// A logger that says nothing.
  package static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
