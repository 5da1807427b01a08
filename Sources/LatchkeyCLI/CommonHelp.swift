internal import Latchkey

#if Redis
internal import LatchkeyRedis
#endif

/// What the helps of `latchkey` and its commands say alike.
enum CommonHelp {
  #if Redis
  /// Why locks of Redlock may have to be waited for on servers that have just been started.
  static let freshRedlock = """
    With Redlock, a server that was started within the last TTL and \(DurationText.format(RedlockLocks.probationMargin)) \
    has no vote, since it may have forgotten a lock: while a majority is that young, no lock can be had. At a TTL of \
    \(DurationText.format(RedlockBackend.timeToLive)), which is the default, that is for the first \
    \(DurationText.format(RedlockBackend.quarantine)).
    """
  #else
  static let freshRedlock = ""
  #endif

  static let exitStatus = """
    EXIT STATUS
      0      all went well
      1      a check failed: lost updates under a lock, tokens out of order;
             or the result could not be written, as to a full disk
      64     wrong usage, or a file that cannot be read
      69     servers that cannot be reached or started, or refuse the user;
             or this machine refuses a temporary folder or a process
      75     somebody else held the lock all the time
      128+n  ended by signal n: 130 after Ctrl-C
      The command "run" passes on the status of what it runs, see its help.
    """

  static let environment = """
    ENVIRONMENT
      LATCHKEY_PASSWORD  the password for the servers, unless the URL holds one
      NO_COLOR           no colours, if it is set to anything
      TERM               "dumb": a terminal without colours, redrawing and Unicode
      LC_ALL, LC_CTYPE, LANG  charts are ASCII unless the first set has UTF-8
      TMPDIR             where temporary folders are made (default: /tmp)
    """

  static let files = """
    FILES
      $TMPDIR/latchkey-*  folders for throw-away servers, and for the deadline file
                          of "run"; removed at the end
      /etc/ssl/certs      the authorities that may vouch for servers with TLS,
                          unless --ca-file names others
    """
}
