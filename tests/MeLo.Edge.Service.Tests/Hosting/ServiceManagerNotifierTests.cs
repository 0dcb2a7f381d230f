using System.Net.Sockets;
using System.Text;
using MeLo.Edge.Service.Hosting;

namespace MeLo.Edge.Tests.Hosting;

public sealed class ServiceManagerNotifierTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void States_ArriveAsOneDatagramEach(bool isAbstract)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs the sockets of systemd");
        string name = isAbstract ? $"@melo-edge-test-{Guid.NewGuid():N}" : _folder["notify"];
        using Socket manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 5000 };
        manager.Bind(new UnixDomainSocketEndPoint(isAbstract ? "\0" + name[1..] : name));
        using ServiceManagerNotifier notifier = new(name, "30000000", null);
        notifier.Ready();
        notifier.Watchdog();
        notifier.Stopping();
        Assert.Equal(["READY=1", "WATCHDOG=1", "STOPPING=1"], [Receive(manager), Receive(manager), Receive(manager)]);
        Assert.Equal(TimeSpan.FromSeconds(15), notifier.WatchdogInterval);
    }

    [Fact]
    public void NoManager_NothingHappens()
    {
        using ServiceManagerNotifier none = new(null, "1000", null);
        none.Ready();
        Assert.Null(none.WatchdogInterval);
        using ServiceManagerNotifier gone = new(_folder["nobody listens"], null, null);
        gone.Ready();
    }

    [Fact]
    public void WatchdogOfAnotherProcess_IsNotOurs()
    {
        using ServiceManagerNotifier notifier = new(_folder["notify"], "1000000", "1");
        Assert.Null(notifier.WatchdogInterval);
    }

    private static string Receive(Socket socket)
    {
        byte[] buffer = new byte[256];
        return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
    }
}
