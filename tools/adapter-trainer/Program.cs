using System.Text;

// Labels and titles are any language's; a pipe must get them as they are.
if (Console.IsOutputRedirected) Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
return await AdapterTrainer.TrainerProgram.RunAsync(args, Console.Out, Console.Error);
