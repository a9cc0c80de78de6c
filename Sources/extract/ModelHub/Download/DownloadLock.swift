import Files

/// Keeps two processes from downloading the same file at the same time. huggingface_hub respects it where the path is
/// the one that it locks.
///
/// Where locks do nothing, work is done twice and ends in the same bytes: what is written is checked before it gets its
/// name.
enum DownloadLock {
  /// Waits for the lock, which ends with what is returned.
  static func acquire(
    _ path: String, session: WebSession, onWait: () -> Void
  ) throws -> Descriptor {
    try Folder.create(RelativePath.folder(of: path))
    var hasWaited = false
    while true {
      let descriptor = try Descriptor(path, .updateOrCreate)
      // Whoever had the lock may have removed the file; then the lock is on nothing that others see.
      if try descriptor.tryLock(), try descriptor.isStillNamed() { return descriptor }
      if !hasWaited { onWait() }
      hasWaited = true
      try session.wait(.milliseconds(100))
    }
  }
}
