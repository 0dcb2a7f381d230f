using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace MeLo.Edge.Service.Http;

/// <summary>The HTTP interface, for this machine only.</summary>
internal static class Endpoints
{
    public static void Map(WebApplication app)
    {
        app.Use((context, next) => LoopbackOnly.Check(context, next.Invoke));

        // Alive: the process answers and no step hangs (a hanging step ends the process). Ready: images dropped now are worked on.
        app.MapGet("/health/live", () => Results.Text("alive\n"));
        app.MapGet("/health/ready", (DeviceState state, Conditions conditions) =>
        {
            // Known to the engine from the first run that met it; the process ends within a second of that.
            if (state.IsDeviceLost) conditions.Set(Conditions.Device, "the device is lost; the process ends, for a fresh one to take it");
            bool takes = state.IsReady && !conditions.Has(Conditions.DiskLow);
            return Results.Json(
                new { ready = takes, hindered = conditions.Current },
                statusCode: takes ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
        });
        app.MapGet("/api/status", (DeviceState state, Conditions conditions, ServiceMetrics metrics) => Results.Json(StatusDocument.Of(state, conditions, metrics)));
        app.MapPost("/api/tasks/{task}/predict", (string task, HttpRequest request, Predict predict, CancellationToken cancelled) =>
            predict.AnswerAsync(task, request, cancelled));
    }
}
