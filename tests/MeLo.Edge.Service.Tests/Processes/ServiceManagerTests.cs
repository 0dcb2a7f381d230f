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
        // Ready means that the tasks are there. They were logged before, but the log comes through a pipe of its own.
        service.WaitUntil(() => service.Errors.Split("is active").Length - 1 == 3, "the tasks were active");
        for (int i = 0; i < 3; i++) Assert.Equal("WATCHDOG=1", Receive(manager));
        service.Terminate();
        while ((state = Receive(manager)) != "STOPPING=1") Assert.Equal("WATCHDOG=1", state);
        Assert.Equal(0, service.WaitForExit());
    }

    [Fact]
    public void RemovedInbox_IsMadeAgain_AndHangUpEndsInOrder()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs signals");
        using Installation installation = new();
        string task = Installation.Tasks[0], inbox = Path.Combine(installation.Data.Inbox, task);
        using ServiceProcess service = ServiceProcess.Start(installation.Data.Root);
        service.WaitUntil(() => Directory.Exists(inbox) && service.Errors.Contains("is active", StringComparison.Ordinal), "the task was active");
        // In one step: while folder after folder is deleted, the service makes the first ones again.
        Directory.Move(installation.Data.Inbox, Path.Combine(installation.Data.Root, "removed"));
        service.WaitUntil(() => Directory.Exists(inbox), "the inbox was there again");
        installation.Drop(task, "after.png", Installation.Picture(1));
        service.WaitUntil(() => installation.Processed(task).Length == 1, "the image was processed");
        service.HangUp();
        Assert.Equal(0, service.WaitForExit());
    }

    private static string Receive(Socket socket)
    {
        byte[] buffer = new byte[256];
        return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
    }
}
