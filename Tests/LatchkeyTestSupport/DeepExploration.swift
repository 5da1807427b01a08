internal import Foundation

/// Whether what runs on demand alone is asked for: the large explorations, and tests that depend on the machine's load. See
/// `scripts/explore`.
package let isExploringDeeply = ProcessInfo.processInfo.environment["LATCHKEY_EXPLORE"] == "deep"
