import { describe, expect, it } from '@jest/globals';
import { MODEL_REPLIES, QUESTION, startService } from './support/service.js';

describe('asking', () => {
  it('answers a chat with content and usage', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: 'Hello! How can I help you today?' });

    const { status, body } = await service.post('/api/chat/completions', {
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'user', content: 'Hello!' },
      ],
      temperature: 0.7,
      max_tokens: 1000,
    });

    expect(status).toBe(200);
    expect(body).toEqual({
      content: 'Hello! How can I help you today?',
      usage: {
        prompt_tokens: expect.any(Number),
        completion_tokens: expect.any(Number),
        total_tokens: expect.any(Number),
      },
    });
  });

  it.each(['/api/feedback', '/api/interview/step', '/api/report'] as const)(
    'answers %s with the contract’s fields in the contract’s order',
    async (path) => {
      const service = await startService();
      service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[path]) });

      const { status, body } = await service.post(path, QUESTION);

      const order = {
        '/api/feedback': ['feedback', 'score', 'is_passed', 'improvement_suggestion'],
        '/api/interview/step': ['thought', 'action', 'message', 'evaluation'],
        '/api/report': [
          'summary',
          'strengths',
          'improvements',
          'recommendations',
          'overall_score',
          'question_feedbacks',
        ],
      };
      expect(status).toBe(200);
      expect(body).toEqual(MODEL_REPLIES[path]);
      expect(Object.keys(body)).toEqual(order[path]);
    },
  );
});
