using System.Security.Cryptography;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Providers;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Http;

/// <summary>
/// <c>POST /api/tasks/{task}/predict</c>: an image in the body, its result in the answer. The same model, the same document, the same audit as
/// the folders; but nothing is kept of the image, and who asks must ask again after a failure.
/// </summary>
internal sealed class Predict(DeviceState state, ServiceOptions options, TimeProvider time, ILogger<Predict> logger) : IDisposable
{
    private readonly SemaphoreSlim _places = new(Device.MaximumRequests);

    public void Dispose() => _places.Dispose();

    public async Task<IResult> AnswerAsync(string task, HttpRequest request, CancellationToken cancelled)
    {
        if (state.Device is not Device device) return Problem(StatusCodes.Status503ServiceUnavailable, "the service is not ready");
        if (device.Tasks.Find(task) is not InstalledTask installed) return Problem(StatusCodes.Status404NotFound, "found no such task, expected one that /api/status lists");
        if (!await _places.WaitAsync(TimeSpan.Zero, cancelled))
        {
            request.HttpContext.Response.Headers.RetryAfter = "1";
            return Problem(StatusCodes.Status429TooManyRequests, $"found {Device.MaximumRequests} requests in work, expected fewer: try again in a moment");
        }
        try
        {
            return await AnswerAsync(device, installed, request, cancelled);
        }
        catch (ImageException e)
        {
            return Problem(StatusCodes.Status422UnprocessableEntity, e.Message);
        }
        catch (BadHttpRequestException e)
        {
            return Problem(e.StatusCode, $"found a body that cannot be read, expected at most {options.MaxFileBytes} bytes");
        }
        catch (ProviderException e)
        {
            logger.PredictionFailed(installed.Task, Failure.Describe(e));
            return Problem(StatusCodes.Status503ServiceUnavailable, e.Fault == ProviderFault.OutOfMemory ? "the device has no memory left for it: try again later" : "the device failed; the log says why");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            logger.PredictionFailed(installed.Task, Failure.Describe(e));
            return Problem(StatusCodes.Status500InternalServerError, "the prediction failed; the log says why");
        }
        finally
        {
            _places.Release();
        }
    }

    private async Task<IResult> AnswerAsync(Device device, InstalledTask task, HttpRequest request, CancellationToken cancelled)
    {
        if (request.ContentLength > options.MaxFileBytes)
            return Problem(StatusCodes.Status413PayloadTooLarge, $"found {request.ContentLength} bytes, expected at most {options.MaxFileBytes}");
        using MemoryStream body = new((int)(request.ContentLength ?? 0));
        await request.Body.CopyToAsync(body, cancelled);
        ReadOnlyMemory<byte> file = body.GetBuffer().AsMemory(0, (int)body.Length);
        long start = time.GetTimestamp();
        PreparedImage image;
        TimeSpan queued;
        using (await device.Gate.EnterAsync(alone: false, cancelled))
        {
            queued = time.GetElapsedTime(start);
            image = await Task.Run(() => device.Engine.Prepare(task, file), cancelled);
        }
        Prediction prediction = await device.Engine.PredictAsync(task, image, cancelled);
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(file.Span));
        byte[] result = ResultDocument.Write(prediction, name: null, sha256, queued, time.GetUtcNow());
        device.Journal.Audit(AuditEvent.Answered, task.Task, task.Release, task.BundleDigest, sha256);
        return Results.Bytes(result, "application/json");
    }

    private static IResult Problem(int status, string detail) => Results.Json(new { error = detail }, statusCode: status);
}
