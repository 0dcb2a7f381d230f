using System.Net.Sockets;
using System.Text;

namespace MeLo.Edge.Tests.Processes;

public class ServiceManagerTests
{
    [Fact]
    public void ReadyWatchdogAndStopping_ArriveAtTheManager()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs the sockets of systemd");
        using Installation installation = new();
        using TemporaryFolder folder = new();
        using Socket manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = (int)ServiceProcess.Patience.TotalMilliseconds };
        manager.Bind(new UnixDomainSocketEndPoint(folder["notify"]));
        using ServiceProcess service = ServiceProcess.Start(
            installation.Data.Root, environment: [("NOTIFY_SOCKET", folder["notify"]), ("WATCHDOG_USEC", "400000")]);
        HashSet<string> before = [];
        string state;
        while ((state = Receive(manager)) != "READY=1") before.Add(state);
        Assert.DoesNotContain("STOPPING=1", before);
        // Ready means that the tasks are there.
        Assert.Equal(3, service.Errors.Split("is active").Length - 1);
        for (int i = 0; i < 3; i++) Assert.Equal("WATCHDOG=1", Receive(manager));
        service.Terminate();
        while ((state = Receive(manager)) != "STOPPING=1") Assert.Equal("WATCHDOG=1", state);
        Assert.Equal(0, service.WaitForExit());
    }

    private static string Receive(Socket socket)
    {
        byte[] buffer = new byte[256];
        return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
    }
}
