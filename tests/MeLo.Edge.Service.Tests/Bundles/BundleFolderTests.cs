using System.Text.Json;
using MeLo.Edge.Bundles;
using MeLo.Edge.Models;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging.Abstractions;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>The real engine, journal and folders; only the clock is moved by hand.</summary>
public sealed class BundleFolderTests : IDisposable
{
    private static readonly DemoTask s_task = DemoTask.All[0];
    private readonly Installation _installation = new(withTasks: false);
    private readonly Conditions _conditions = new();
    private readonly ServiceMetrics _metrics = new();
    private readonly FakeTime _time = new();
    private Device _device;

    public BundleFolderTests() => _device = Open();

    public void Dispose()
    {
        _device.Dispose();
        _metrics.Dispose();
        _installation.Dispose();
    }

    [Fact]
    public void TrustedBundle_BecomesActive_AndItsBytesAreKept()
    {
        byte[] bundle = Bundle(1);
        _installation.AddBundle("tb", bundle);
        Settle();
        Assert.Equal(1, Active());
        Assert.Equal(bundle, File.ReadAllBytes(Assert.Single(Directory.GetFiles(_installation.Data.LoadedBundles))));
        Assert.True(Directory.Exists(Path.Combine(_installation.Data.Inbox, s_task.Name)));
    }

    [Fact]
    public void BundleThatIsStillBeingCopied_IsNotLookedAt()
    {
        byte[] bundle = Bundle(1);
        string path = _installation.AddBundle("tb", bundle[..1000]);
        _device.Bundles.Reconcile();
        _time.Advance(0.5);
        File.WriteAllBytes(path, bundle[..5000]);
        _device.Bundles.Reconcile();
        _time.Advance(0.7);
        _device.Bundles.Reconcile();
        Assert.Empty(Rejected());
        File.WriteAllBytes(path, bundle);
        Settle();
        Assert.Equal(1, Active());
    }

    [Fact]
    public void HigherRelease_TakesOver_AndRemovingItDoesNotBringTheLowerBack()
    {
        _installation.AddBundle("one", Bundle(1));
        Settle();
        string two = _installation.AddBundle("two", Bundle(2));
        Settle();
        Assert.Equal(2, Active());
        Assert.Empty(Rejected()); // the lower one stays
        Restart();
        Assert.Equal(2, Active());
        Assert.Empty(Rejected()); // also after a restart
        File.Delete(two);
        Settle();
        Assert.Null(Active());
        Assert.Equal("lower-release", Assert.Single(Rejected()).Code);
    }

    [Fact]
    public void BothReleasesAtOnce_TheHigherIsActive_TheLowerStays()
    {
        _installation.AddBundle("a-two", Bundle(2));
        _installation.AddBundle("b-one", Bundle(1));
        Settle();
        Assert.Equal(2, Active());
        Assert.Empty(Rejected());
    }

    [Fact]
    public void LowerReleaseThatComesLater_IsRefused_AlsoAfterARestartAndAfterRetirement()
    {
        string three = _installation.AddBundle("three", Bundle(3));
        Settle();
        _installation.AddBundle("two", Bundle(2));
        Settle();
        Assert.Equal(3, Active());
        Assert.Equal("lower-release", Assert.Single(Rejected()).Code);
        File.Delete(three);
        Settle();
        Assert.Null(Active());
        Restart();
        _installation.AddBundle("one", Bundle(1));
        Settle();
        Assert.Null(Active());
        Assert.Equal(2, Rejected().Count);
    }

    [Fact]
    public void OtherContentForAnActivatedRelease_IsRefused()
    {
        _installation.AddBundle("one", Bundle(1));
        Settle();
        _installation.AddBundle("a-one", Installation.Bundle(s_task, 1, created: _time.GetUtcNow().AddDays(-1)));
        Settle();
        Assert.Equal("release-taken", Assert.Single(Rejected()).Code);
        Assert.Equal(1, Active());
    }

    [Fact]
    public void RefusedBundles_NeverDisturbTheActiveOne()
    {
        _installation.AddBundle("tb", Bundle(1));
        Settle();
        object before = _device.Tasks.Find(s_task.Name)!;
        _installation.AddBundle("unsigned", Installation.Bundle(s_task, 2, signed: false));
        _installation.AddBundle("stranger", Installation.Bundle(s_task, 2, Installation.Stranger));
        _installation.AddBundle("tampered", GeneratedBundle.Tampered(Bundle(2)));
        _installation.AddBundle("cut", Bundle(2)[..5000]);
        _installation.AddBundle("empty", []);
        Settle();
        Assert.Same(before, _device.Tasks.Find(s_task.Name));
        Assert.Equal(["malformed", "malformed", "not-signed", "tampered", "untrusted"], Rejected().Select(r => r.Code).Order(StringComparer.Ordinal));
        Assert.Equal(["tb.melo"], BundleNames());
    }

    [Fact]
    public void BundleThatDoesNotPassOnThisDevice_IsRefused_WithTheEnginesReason()
    {
        _installation.AddBundle("tb", Bundle(1));
        Settle();
        BundleContents good = Contents(2);
        float[] wrong = [.. good.Probe.Logits.Select(l => l + 1)];
        _installation.AddBundle("probe", Sign(good, good.Description, good.Probe with { Logits = wrong }));
        _installation.AddBundle("base", Sign(good, good.Description with { Base = "sha256:" + new string('0', 64) }, good.Probe));
        _installation.AddBundle("expired", Sign(good, good.Description with { Created = _time.GetUtcNow().AddDays(-2), Expires = _time.GetUtcNow().AddDays(-1) }, good.Probe));
        Settle();
        Assert.Equal(["base-mismatch", "expired", "probe-failed"], Rejected().Select(r => r.Code).Order(StringComparer.Ordinal));
        Assert.Equal(1, Active());
        // None of them counts as ever activated: the release they claimed is still free.
        _installation.AddBundle("good", Bundle(2));
        Settle();
        Assert.Equal(2, Active());
    }

    [Fact]
    public void BundleThatExpiresWhileItIsActive_IsRetired()
    {
        BundleContents good = Contents(1);
        _installation.AddBundle("tb", Sign(good, good.Description with { Expires = _time.GetUtcNow().AddHours(1) }, good.Probe));
        Settle();
        Assert.Equal(1, Active());
        _time.Advance(3601);
        Settle();
        Assert.Null(Active());
        Assert.Equal("expired", Assert.Single(Rejected()).Code);
    }

    [Fact]
    public void RefusedFileInPlaceOfTheActiveOne_IsReplacedByTheVeryBytesThatAreActive()
    {
        byte[] bundle = Bundle(1);
        string path = _installation.AddBundle("tb", bundle);
        Settle();
        File.WriteAllBytes(path, GeneratedBundle.Tampered(bundle));
        Settle();
        Assert.Equal(1, Active());
        Assert.Equal("tampered", Assert.Single(Rejected()).Code);
        Assert.Equal(bundle, File.ReadAllBytes(path));
        Restart();
        Assert.Equal(1, Active());
    }

    [Fact]
    public void RemovedBundle_RetiresItsTask_ButAReplacementInTwoStepsDoesNot()
    {
        string path = _installation.AddBundle("tb", Bundle(1));
        Settle();
        File.Delete(path);
        _device.Bundles.Reconcile(); // between deleting and copying
        Assert.Equal(1, Active());
        _installation.AddBundle("tb", Bundle(2));
        Settle();
        Assert.Equal(2, Active());
        File.Delete(path);
        Settle();
        Assert.Null(Active());
    }

    [Fact]
    public void KeyThatIsNoLongerTrusted_TakesItsBundlesAlong_AndANewKeyIsPickedUp()
    {
        _installation.AddBundle("tb", Bundle(1));
        Settle();
        _installation.Trust(Installation.Stranger, "stranger.pem");
        _installation.AddBundle("two", Installation.Bundle(s_task, 2, Installation.Stranger));
        Settle();
        Assert.Equal(2, Active());
        File.Delete(Path.Combine(_installation.Data.Trust, "stranger.pem"));
        Settle();
        Assert.Null(Active());
        Assert.Equal(["lower-release", "untrusted"], Rejected().Select(r => r.Code).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void NobodyTrusted_BundlesWait()
    {
        File.Delete(Path.Combine(_installation.Data.Trust, "key.pem"));
        Settle();
        _installation.AddBundle("tb", Bundle(1));
        Settle();
        Assert.Equal(1, _device.Bundles.Last.WaitingForTrust);
        Assert.True(_conditions.Has(Conditions.Trust));
        Assert.Empty(Rejected());
        _installation.Trust(Installation.Key, "key.pem");
        Settle();
        Assert.Equal(1, Active());
        Assert.False(_conditions.Has(Conditions.Trust));
    }

    [Fact]
    public void FileInTheTrustFolderThatIsNoKey_KeepsTheKeysReadBefore()
    {
        _installation.AddBundle("tb", Bundle(1));
        Settle();
        File.WriteAllText(Path.Combine(_installation.Data.Trust, "notes.txt"), "not a key");
        Settle();
        Assert.Equal(1, Active());
        Assert.True(_conditions.Has(Conditions.Trust));
    }

    [Fact]
    public void TrustFolderThatCannotBeReadForAWhile_HindersNoLongerThanThat()
    {
        _installation.AddBundle("tb", Bundle(1));
        Settle();
        string link = Path.Combine(_installation.Data.Trust, "unplugged.pem");
        File.CreateSymbolicLink(link, Path.Combine(_installation.Data.Root, "nowhere.pem"));
        Settle();
        Assert.True(_conditions.Has(Conditions.Trust));
        File.Delete(link);
        Settle();
        Assert.False(_conditions.Has(Conditions.Trust));
        Assert.Equal(1, Active());
        Assert.Empty(Rejected());
    }

    [Fact]
    public void BundleThatCannotBeActivated_IsNotRefusedForIt_AndIsNotSettled()
    {
        using Installation int8 = new(withTasks: false, everyPrecision: true);
        using Device device = Open(int8, Precision.Int8.Name());
        int8.AddBundle("tb", Installation.Bundle(s_task, 1, d => d with { Precision = Precision.Fp32 }));
        string graph = Path.Combine(int8.Data.Base, "model.fp32.onnx"), away = graph + ".away";
        File.Move(graph, away); // loaded with the first bundle that demands it
        Settle(device);
        Assert.Equal(1, device.Bundles.Last.Failing);
        Assert.False(device.Bundles.Last.IsMoving);
        Assert.Null(device.Tasks.Find(s_task.Name));
        Assert.True(_conditions.Has(Conditions.Bundles));
        Assert.Empty(Directory.GetFiles(int8.Data.Rejected));
        Assert.Equal(ExitCode.StillWaiting, OnceGoal.ExitCode(new InboxScan(), device.Bundles.Last));
        File.Move(away, graph);
        Settle(device);
        Assert.Equal(0, device.Bundles.Last.Failing);
        Assert.NotNull(device.Tasks.Find(s_task.Name));
        Assert.False(_conditions.Has(Conditions.Bundles));
        Assert.Equal(ExitCode.Done, OnceGoal.ExitCode(new InboxScan(), device.Bundles.Last));
    }

    [Fact]
    public void RefusedBundleThatCannotBeMovedAway_IsNotWaitedForWithoutEnd()
    {
        Directory.Delete(_installation.Data.Rejected);
        File.WriteAllText(_installation.Data.Rejected, "in the way");
        _installation.AddBundle("tb", [1, 2, 3]);
        OnceGoal goal = new(_device, _metrics, _time);
        Settle();
        Assert.True(_device.Bundles.Last.IsMoving);
        Assert.False(goal.IsReached(new InboxScan(), _device.Bundles.Last));
        _time.Advance(31);
        Settle();
        Assert.True(goal.IsReached(new InboxScan(), _device.Bundles.Last));
        Assert.Equal(ExitCode.StillWaiting, OnceGoal.ExitCode(new InboxScan(), _device.Bundles.Last));
    }

    [Fact]
    public void EveryChange_IsInTheAuditTable()
    {
        string path = _installation.AddBundle("tb", Bundle(1));
        Settle();
        _installation.AddBundle("unsigned", Installation.Bundle(s_task, 2, signed: false));
        Settle();
        File.Delete(path);
        Settle();
        _device.Dispose();
        using (Service.Ingestion.JournalConnection journal = new(_installation.Data.Journal))
        {
            Assert.Equal(
                ["activated", "refused", "retired"],
                journal.Query("SELECT event, bundle FROM audit ORDER BY id", r => (Event: r.GetString(0), Bundle: r.GetString(1)))
                    .Where(a => a.Bundle.StartsWith("sha256:", StringComparison.Ordinal)).Select(a => a.Event));
            Assert.Contains(Installation.Key.KeyHint, journal.Query("SELECT signer FROM audit WHERE event = 'activated'", r => r.GetString(0))[0], StringComparison.Ordinal);
        }
        _device = Open();
    }

    private byte[] Bundle(int release) => Installation.Bundle(s_task, release, created: _time.GetUtcNow());

    private BundleContents Contents(int release) => MeLo.Edge.Bundles.Bundle.OpenUnverified(Bundle(release), "test");

    private static byte[] Sign(BundleContents contents, AdapterDescription description, Probe probe) =>
        BundleWriter.Write(description, contents.Adapter, probe, null, Installation.Key);

    private int? Active() => _device.Tasks.Find(s_task.Name)?.Release;

    private string[] BundleNames() => [.. Directory.GetFiles(_installation.Data.Bundles).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    private List<(string Name, string Code)> Rejected() =>
        [.. Directory.GetFiles(_installation.Data.Rejected, "*.reason.json").Select(path =>
        {
            using JsonDocument reason = JsonDocument.Parse(File.ReadAllBytes(path));
            return (Path.GetFileName(path), reason.RootElement.GetProperty("reason").GetProperty("code").GetString()!);
        })];

    // As many passes as it takes for every file to be seen unchanged, and every absence twice.
    private void Settle() => Settle(_device);

    private void Settle(Device device)
    {
        for (int i = 0; i < 4; i++)
        {
            device.Bundles.Reconcile();
            _time.Advance(1);
        }
    }

    private void Restart()
    {
        _device.Dispose();
        _device = Open();
        Settle();
    }

    private Device Open() => Open(_installation, ServiceOptions.AutomaticPrecision);

    private Device Open(Installation installation, string precision) => Device.Open(
        new ServiceOptions { Data = installation.Data.Root, Precision = precision }, _conditions, _metrics, new StallWatch(TimeSpan.FromMinutes(1), _time), _time, NullLogger.Instance);
}
