internal import CZooKeeper

/// The metadata of a node.
public struct Stat: Hashable, Sendable {
  /// The transaction that created the node. It grows over the whole ensemble's life.
  public var createdBy: Int64
  /// The transaction that last changed the data.
  public var modifiedBy: Int64
  /// The transaction that last changed the list of children.
  public var childrenModifiedBy: Int64
  /// When the node was created, in milliseconds since 1970 on the server's clock.
  public var creationTime: Int64
  /// When the data was last changed, in milliseconds since 1970 on the server's clock.
  public var modificationTime: Int64
  /// How often the data was changed.
  public var version: Int32
  /// How often the list of children was changed.
  public var childrenVersion: Int32
  /// How often the access control list was changed.
  public var aclVersion: Int32
  /// The session that the node belongs to if it is ephemeral, else 0.
  public var ephemeralOwner: Int64
  /// The size of the data in bytes.
  public var dataLength: Int
  /// The number of children.
  public var childCount: Int

  init(_ stat: czk_stat) {
    self.createdBy = stat.czxid
    self.modifiedBy = stat.mzxid
    self.childrenModifiedBy = stat.pzxid
    self.creationTime = stat.ctime_ms
    self.modificationTime = stat.mtime_ms
    self.version = stat.version
    self.childrenVersion = stat.cversion
    self.aclVersion = stat.aversion
    self.ephemeralOwner = stat.ephemeral_owner
    self.dataLength = Int(stat.data_length)
    self.childCount = Int(stat.child_count)
  }
}
