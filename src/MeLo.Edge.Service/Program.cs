using MeLo.Edge.Service;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Options;

if (CommandLine.Read(args, out Dictionary<string, string?> settings) is int ended) return ended;
try
{
    return (int)await ServiceHost.RunAsync(settings);
}
catch (ServiceException e)
{
    foreach (string line in e.Message.Split(Environment.NewLine)) await Console.Error.WriteLineAsync($"error: {line}");
    return (int)e.ExitCode;
}
