using System.Net;
using Microsoft.AspNetCore.Http;

namespace MeLo.Edge.Service.Http;

/// <summary>
/// Refuses what a web page open on the same machine could send: a request that came by another host name (DNS rebinding), or from
/// another origin. Listening on 127.0.0.1 alone does not keep a browser out.
/// </summary>
internal static class LoopbackOnly
{
    public static Task Check(HttpContext context, RequestDelegate next)
    {
        string? origin = context.Request.Headers.Origin;
        bool isLocal = IsLoopback(context.Request.Host.Host)
            && (string.IsNullOrEmpty(origin) || (Uri.TryCreate(origin, UriKind.Absolute, out Uri? from) && IsLoopback(from.Host)));
        if (isLocal) return next(context);
        context.Response.StatusCode = StatusCodes.Status403Forbidden;
        return context.Response.WriteAsync("expected a request from this machine, addressed to localhost or 127.0.0.1\n");
    }

    internal static bool IsLoopback(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
}
