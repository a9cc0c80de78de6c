import Files
import Foundation
import TestSupport
import Testing

import ModelHub

/// What names mean, before anything is looked for.
@Suite struct NamesTests {
  private func meaning(_ name: String) throws -> ModelName {
    try ModelName(name, hubs: [WebAddress("https://hub.example"), WebAddress("https://huggingface.co")])
  }

  private func reference(_ name: String) throws -> String {
    guard case .hub(let reference, _, _) = try meaning(name) else { return "no model of the hub" }
    return "\(reference)"
  }

  @Test(
    arguments: [
      ("vit_base_patch16_224.mae", "hf-hub:timm/vit_base_patch16_224.mae"),
      ("vit_base_patch16_224", "hf-hub:timm/vit_base_patch16_224.augreg2_in21k_ft_in1k"),
      ("vit_base_patch16_clip_quickgelu_224.openai", "hf-hub:timm/vit_base_patch16_clip_224.openai"),
      // A tag that is younger than the table.
      ("vit_base_patch16_224.of_tomorrow", "hf-hub:timm/vit_base_patch16_224.of_tomorrow"),
      ("hf-hub:lab/vit", "hf-hub:lab/vit"), ("hf_hub:lab/vit@v1.0", "hf-hub:lab/vit@v1.0"),
      ("hf-hub:lab/vit@main", "hf-hub:lab/vit"), ("hf-hub:lab/vit@refs/pr/1", "hf-hub:lab/vit@refs/pr/1"),
      ("hf-hub:lab/vit/weights/a.pth@v1", "hf-hub:lab/vit/weights/a.pth@v1"),
      ("https://hub.example/lab/vit", "hf-hub:lab/vit"),
      ("https://huggingface.co/lab/vit/tree/v1", "hf-hub:lab/vit@v1"),
      ("https://huggingface.co/lab/vit/resolve/main/a%20b.pth?download=true", "hf-hub:lab/vit/a b.pth"),
      ("https://huggingface.co/lab/vit/blob/v1/w/a.pth", "hf-hub:lab/vit/w/a.pth@v1"),
      ("https://huggingface.co/datasets/lab/vit/resolve/main/a.pth", "no model of the hub"),
      ("https://other.example/lab/vit/resolve/main/a.pth", "no model of the hub"),
    ])
  func namesOfTheHub(name: String, expected: String) throws {
    #expect(try reference(name) == expected)
    if expected.hasPrefix("hf-hub:") { #expect(try reference(expected) == expected) }
  }

  @Test(
    arguments: [
      "hf-hub:vit", "hf-hub:../vit", "hf-hub:lab/..", "hf-hub:lab/vit/../../etc/passwd", "hf-hub:/etc/passwd",
      "hf-hub:lab\\vit/x", "hf-hub:lab/vit@../../x", "hf-hub:lab/vit@", "hf-hub:lab/vit@a b",
      "hf-hub:lab/vit/",
      "hf-hub:lab/vit//x", "hf-hub:lab/a\u{0}b", "hf-hub:lab/vit/a\u{7}b", "hf-hub:lab/vit/a\\b",
      "hf-hub:l--ab/vit", "hf-hub:lab/\(String(repeating: "v", count: 200))",
      "hf-hub:lab/vit/\(String(repeating: "v", count: 300))",
      "hf-hub:lab/vit@\(String(repeating: "v/", count: 900))v",
      "", "checkpoint.pth", "./vit", "lab/vit", "~/vit", "vit.", "no_such_model", "ftp://host/x.pth",
      "file:///etc/passwd", "https://", "https://ho st/x", "http://example.com/x.pth", "a.b",
    ])
  func whatIsNoNameIsRefused(name: String) {
    #expect(throws: InputError.self) { try meaning(name) }
  }

  @Test func refusalsSayWhatToDo() {
    func text(_ name: String) -> String {
      do { return "\(try meaning(name))" } catch { return "\(error)" }
    }
    #expect(
      text("lab/vit") == "lab/vit: there is no such file; for a repository of the hub say hf-hub:lab/vit")
    #expect(text("vit_base_patch16_223").contains("did you mean vit_base_patch16_224"))
    #expect(text("http://example.com/x.pth?key=secret").hasPrefix("http://example.com/x.pth: anyone"))
    #expect(!text("https://user:secret@example.com:x/").contains("secret"))
  }

  @Test func whatExistsIsAPath() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([1], to: "vit_base_patch16_224.mae")
    guard case .path(path) = try meaning(path) else {
      Issue.record("\(try meaning(path))")
      return
    }
  }

  @Test func aLocalHostNeedsNoEncryption() throws {
    for host in ["localhost:8080", "127.0.0.1", "[::1]:80", "nas.local", "nas", "10.0.0.7", "172.31.1.1"] {
      guard case .web = try meaning("http://\(host)/x.pth") else {
        Issue.record("\(host)")
        continue
      }
    }
    for host in ["10.0.0.7.example.com", "172.32.0.1", "example.com", "11.0.0.1", "[2001:db8::1]"] {
      #expect(throws: InputError.self) { try meaning("http://\(host)/x.pth") }
    }
  }

  @Test func theTableIsWhole() throws {
    let names = TimmNames.published
    #expect(names.architectures.count > 200)
    #expect(names.architectures.allSatisfy { !$0.tags.isEmpty && $0.parameterCount > 1_000_000 })
    let base = try #require(names.architectures.first { $0.name == "vit_base_patch16_224" })
    // The published size of ViT-B/16 without its classifier.
    #expect(base.parameterCount == 85_798_656)
    #expect(base.tags.map(\.name).contains("mae"))
  }

  @Test func addressesAreTakenApart() throws {
    let address = try WebAddress("HTTPS://us%65r:p%40ss@Host.Example/a/b%20c.pth?key=1#part")
    #expect(address.text == "https://Host.Example/a/b%20c.pth?key=1")
    #expect(address.origin == "https://host.example:443")
    #expect(address.publicText == "https://Host.Example/a/b%20c.pth")
    #expect(address.fileName == "b c.pth")
    #expect(address.basicAuthorization == "Basic " + Data("user:p@ss".utf8).base64EncodedString())
    #expect(try address.resolving("/d").text == "https://Host.Example/d")
    #expect(try address.resolving("//other/d").origin == "https://other:443")
    #expect(throws: InputError.self) { try address.resolving("file:///etc/passwd") }
    #expect(try WebAddress("https://host/a/..%2Fb").fileName == nil)
    #expect(try WebAddress("https://host/").fileName == nil)
  }

  @Test(
    arguments: [
      ("jx_vit-80ecf9dd.pth", "80ecf9dd"), ("resnet18-f37072fd.pth.tar", "f37072fd"),
      ("vit_20210928-98e8652b.pth", "98e8652b"), ("vit-20210928.pth", nil), ("vit-80ecf9d.pth", nil),
      ("vit-80ecf9dg.pth", nil), ("80ecf9dd.pth", nil), ("vit-80ecf9dd", nil),
    ] as [(String, String?)])
  func hashesInNames(name: String, digits: String?) {
    #expect(ContentHash(inName: name) == digits.map(ContentHash.sha256Prefix))
  }
}
