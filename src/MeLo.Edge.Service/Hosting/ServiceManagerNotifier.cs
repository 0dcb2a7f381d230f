using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace MeLo.Edge.Service.Hosting;

/// <summary>
/// Tells systemd how the service is (sd_notify(3)): one datagram a state to the socket named in <c>NOTIFY_SOCKET</c>; a name that
/// starts with <c>@</c> is in the abstract namespace. Does nothing where there is no such socket.
/// </summary>
internal sealed class ServiceManagerNotifier : IDisposable
{
    private readonly Socket? _socket;
    private readonly UnixDomainSocketEndPoint? _endPoint;

    /// <param name="socketPath">The value of <c>NOTIFY_SOCKET</c>.</param>
    /// <param name="watchdogMicroseconds">The value of <c>WATCHDOG_USEC</c>.</param>
    /// <param name="watchdogProcess">The value of <c>WATCHDOG_PID</c>: whose watchdog it is.</param>
    public ServiceManagerNotifier(string? socketPath, string? watchdogMicroseconds, string? watchdogProcess)
    {
        if (string.IsNullOrEmpty(socketPath)) return;
        _endPoint = new UnixDomainSocketEndPoint(socketPath[0] == '@' ? "\0" + socketPath[1..] : socketPath);
        _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        bool ours = string.IsNullOrEmpty(watchdogProcess)
            || watchdogProcess == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        // Half of the limit, as sd_watchdog_enabled(3) recommends.
        if (ours && long.TryParse(watchdogMicroseconds, NumberStyles.None, CultureInfo.InvariantCulture, out long limit) && limit > 0)
            WatchdogInterval = TimeSpan.FromMicroseconds(limit / 2);
    }

    public static ServiceManagerNotifier FromEnvironment() => new(
        Environment.GetEnvironmentVariable("NOTIFY_SOCKET"),
        Environment.GetEnvironmentVariable("WATCHDOG_USEC"),
        Environment.GetEnvironmentVariable("WATCHDOG_PID"));

    /// <summary>How often <see cref="Watchdog"/> is expected; null when nobody watches.</summary>
    public TimeSpan? WatchdogInterval { get; }

    public void Ready() => Send("READY=1");

    public void Stopping() => Send("STOPPING=1");

    public void Watchdog() => Send("WATCHDOG=1");

    public void Dispose() => _socket?.Dispose();

    private void Send(string state)
    {
        if (_socket is null) return;
        try
        {
            _socket.SendTo(Encoding.UTF8.GetBytes(state), _endPoint!);
        }
        catch (SocketException)
        {
            // The manager went away or its queue is full: nothing here depends on it having heard.
        }
    }
}
