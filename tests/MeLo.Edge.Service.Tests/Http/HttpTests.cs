using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using MeLo.Edge.Service.Demo;
using MeLo.Edge.Service.Http;

namespace MeLo.Edge.Tests.Http;

public sealed class HttpTests : IAsyncLifetime
{
    private readonly Installation _installation = new();
    private readonly HttpClient _http = new();
    private readonly CancellationToken _cancelled = TestContext.Current.CancellationToken;
    private ServiceProcess _service = null!;

    public ValueTask InitializeAsync()
    {
        _service = ServiceProcess.Start(_installation.Data.Root, environment: [("MELO__Port", "0"), ("MELO__MaxFileMegabytes", "4")]);
        int port = _service.WaitForPort();
        _http.BaseAddress = new Uri($"http://127.0.0.1:{port}");
        _service.WaitUntil(() => _http.GetAsync("/health/ready", _cancelled).GetAwaiter().GetResult().StatusCode == HttpStatusCode.OK, "it was ready");
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _service.Dispose();
        _http.Dispose();
        _installation.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task EveryAnswer_IsWhatIsDocumented()
    {
        string task = Installation.Tasks[1];
        byte[] picture = Installation.Picture(1);

        using (HttpResponseMessage answer = await Predict(task, picture))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            using JsonDocument result = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(_cancelled));
            Assert.Equal("melo.result/1", result.RootElement.GetProperty("schema").GetString());
            Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(picture)), result.RootElement.GetProperty("input").GetProperty("sha256").GetString());
            Assert.Equal(JsonValueKind.Null, result.RootElement.GetProperty("input").GetProperty("name").ValueKind);

            // The folders give the same answer for the same bytes.
            _installation.Drop(task, "x.png", picture);
            _service.WaitUntil(() => _installation.Outbox(task).Length == 1, "there was a result");
            using JsonDocument same = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(_installation.Data.Outbox, task, _installation.Outbox(task)[0]), _cancelled));
            Assert.Equal(result.RootElement.GetProperty("scores").GetRawText().Where(c => !char.IsWhiteSpace(c)), same.RootElement.GetProperty("scores").GetRawText().Where(c => !char.IsWhiteSpace(c)));
        }
        Assert.Equal(HttpStatusCode.NotFound, (await Predict("unheard-of", picture)).StatusCode);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Predict(task, "no picture"u8.ToArray())).StatusCode);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Predict(task, [])).StatusCode);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await Predict(task, new byte[(4 << 20) + 1])).StatusCode);

        using JsonDocument status = JsonDocument.Parse(await _http.GetStringAsync("/api/status", _cancelled));
        JsonElement root = status.RootElement;
        Assert.True(root.GetProperty("ready").GetBoolean());
        Assert.Equal(Installation.Tasks.Order(StringComparer.Ordinal), root.GetProperty("tasks").EnumerateArray().Select(t => t.GetProperty("task").GetString()));
        Assert.StartsWith("sha256:", root.GetProperty("model").GetProperty("base").GetString(), StringComparison.Ordinal);
        Assert.Equal(("cpu", "asked for"), (root.GetProperty("model").GetProperty("provider").GetString(), root.GetProperty("model").GetProperty("providerReason").GetString()));
        Assert.Empty(root.GetProperty("model").GetProperty("nodesOnHost").EnumerateObject());
        Assert.StartsWith("sha256:", root.GetProperty("tasks")[0].GetProperty("bundle").GetString(), StringComparison.Ordinal);
        Assert.True(root.GetProperty("inference").GetProperty("count").GetInt64() >= 2);
        Assert.Equal(1, root.GetProperty("sinceStart").GetProperty("results").GetInt64());
        Assert.Equal(HttpStatusCode.OK, (await _http.GetAsync("/health/live", _cancelled)).StatusCode);
    }

    [Theory]
    [InlineData("Host", "evil.example")]
    [InlineData("Origin", "https://evil.example")]
    [InlineData("Origin", "null")]
    public async Task RequestFromAWebPage_IsRefused(string header, string value)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "/api/status");
        request.Headers.TryAddWithoutValidation(header, value);
        Assert.Equal(HttpStatusCode.Forbidden, (await _http.SendAsync(request, _cancelled)).StatusCode);
    }

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("[::1]", true)]
    [InlineData("127.0.0.1.evil.example", false)]
    [InlineData("", false)]
    public void LoopbackNames_AreRecognised(string host, bool isLoopback) => Assert.Equal(isLoopback, LoopbackOnly.IsLoopback(host));

    [Fact]
    public async Task MoreRequestsThanPlaces_AreToldToComeBack()
    {
        // Requests whose bodies do not arrive hold their places; the next one is refused at once, and served when they are gone.
        List<TcpClient> slow = [];
        try
        {
            HttpResponseMessage answer;
            do
            {
                // One more each time: a slow one that meets our own request is itself refused.
                TcpClient client = new();
                slow.Add(client);
                await client.ConnectAsync(IPAddress.Loopback, _http.BaseAddress!.Port, _cancelled);
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                    $"POST /api/tasks/{Installation.Tasks[0]}/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nx"), _cancelled);
                answer = await Predict(Installation.Tasks[0], Installation.Picture(1));
            }
            while (answer.StatusCode == HttpStatusCode.OK && slow.Count < 200);
            Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
            Assert.NotNull(answer.Headers.RetryAfter);
        }
        finally
        {
            slow.ForEach(c => c.Dispose());
        }
        HttpStatusCode code = HttpStatusCode.TooManyRequests;
        for (int i = 0; i < 300 && code == HttpStatusCode.TooManyRequests; i++)
        {
            await Task.Delay(50, _cancelled);
            code = (await Predict(Installation.Tasks[0], Installation.Picture(1))).StatusCode;
        }
        Assert.Equal(HttpStatusCode.OK, code);
    }

    private async Task<HttpResponseMessage> Predict(string task, byte[] body)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"/api/tasks/{task}/predict") { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        request.Headers.ExpectContinue = true; // a refusal comes before the body is sent
        return await _http.SendAsync(request, _cancelled);
    }
}
